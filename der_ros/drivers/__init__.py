"""Drivers: clients, servers and simulators of the wire protocols, without ROS."""
