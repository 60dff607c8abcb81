"""ROS 2 nodes: thin rclpy layers around the other packages."""
