"""Motion control, checks and timing of a deployment, without ROS."""
