"""A jointed arm that takes joint positions: its model, its differential kinematics, its cycle."""
