"""Node ``ft_bridge``, which publishes the force/torque sensor."""
