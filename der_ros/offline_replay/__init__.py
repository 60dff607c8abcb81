"""Replay of a recorded attempt through the nodes' own cores, in bag time, without ROS."""
