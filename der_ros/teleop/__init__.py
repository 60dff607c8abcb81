"""Teleoperation without ROS: axis maps of devices and the gate between a device and a robot."""
