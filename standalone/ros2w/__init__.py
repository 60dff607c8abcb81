"""Wrapper `ros2w`: prepares an environment for a command, then becomes that command.

It runs before anything is installed and therefore uses only the standard library. Everything it
creates is in the repository: `.venv` (or `.venv-ros`, next to a sourced ROS 2), `build`, `install`
and `log`.
"""
