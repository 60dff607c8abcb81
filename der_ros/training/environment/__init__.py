"""Environments as training uses them."""
