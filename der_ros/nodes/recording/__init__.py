"""Nodes that record attempts and play recorded ones."""
