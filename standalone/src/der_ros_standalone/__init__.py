"""`ros2 launch` and `ros2 run` for machines that have only ROS 2's Python wheels.

The wheels bring rclpy and the message packages, but neither `launch` nor `launch_ros` nor the
`ros2` command. This distribution provides the part of their interface that the launch files of
der_ros use, so that the same files run unchanged here and under a ROS 2 installation. It refuses
the rest by name, and it refuses to load where the real packages are installed.
"""
