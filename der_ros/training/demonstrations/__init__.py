"""Demonstrations from files and bags."""
