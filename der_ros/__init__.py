"""der_ros: Dynamic Experience Replay, from simulation to a KUKA arm under ROS 2."""
