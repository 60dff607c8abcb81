"""Modules that several benchmarks share: reports, simulated devices, deployments, experiments."""
