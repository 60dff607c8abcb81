"""Nodes that write and play recordings of attempts."""
