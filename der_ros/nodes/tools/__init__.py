"""Parts of command-line tools that use the ROS graph."""
