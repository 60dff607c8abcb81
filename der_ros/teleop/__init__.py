"""Teleoperation without ROS: axis maps of input devices, and the gate to the robot."""
