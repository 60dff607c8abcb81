"""Picture of a recorded attempt."""
