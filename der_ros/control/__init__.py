"""Motion, frames and time of a deployment, without ROS."""
