"""The node that moves the robot."""
