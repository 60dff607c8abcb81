"""Metrics of runs and their comparison."""
