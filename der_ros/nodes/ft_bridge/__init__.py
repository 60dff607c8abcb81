"""The node that publishes the force/torque sensor."""
