"""The verbs of the `ros2` command."""
