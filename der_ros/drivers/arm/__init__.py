"""Driver of an arm under joint position control: model, differential kinematics and cycle."""
