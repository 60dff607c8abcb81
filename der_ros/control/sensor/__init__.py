"""Health and bias of the force/torque sensor, without ROS."""
