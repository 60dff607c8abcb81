"""Checkpoints: the file format, and the checkpoints of a run folder."""
