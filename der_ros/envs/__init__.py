"""Gymnasium environments over tasks and simulation."""
