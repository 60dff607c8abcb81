"""Replay of recorded telegrams through the drivers."""
