"""Parameters of the nodes, declared once and readable without ROS."""
