"""Wire protocols without ROS."""
