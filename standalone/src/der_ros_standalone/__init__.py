"""`ros2 launch` and `ros2 run` for machines that have only ROS 2's Python wheels.

The wheels contain rclpy and the message packages, but not `launch`, `launch_ros` or the `ros2`
command. This distribution provides the common part of their interface, so that one launch file
runs unchanged here and under a ROS 2 installation. Any other name of that interface raises an
error that says so, and the modules do not load where the real packages are installed.
"""
