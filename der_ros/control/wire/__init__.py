"""Recorded telegrams of sensor and robot."""
