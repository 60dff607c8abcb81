"""Parts of the command-line tools that use rclpy."""
