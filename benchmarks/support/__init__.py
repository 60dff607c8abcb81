"""Modules shared by several benchmarks: reports, simulated devices, deployments, experiments."""
