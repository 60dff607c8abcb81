"""The engine with processes on one machine."""
