"""Recording, reading and comparing bags, without rclpy."""
