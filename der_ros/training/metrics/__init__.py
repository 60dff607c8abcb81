"""Metrics: averages, the files that hold them, and the comparison of runs."""
