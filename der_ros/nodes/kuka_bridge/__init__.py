"""Node ``kuka_bridge``, which moves the robot."""
