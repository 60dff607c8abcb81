"""The node ``sim_trainer`` in its own process, and a node that listens to it."""

import contextlib
import subprocess
import sys
import threading

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

PRESET = """
workers: 1
hidden: [8, 8]
batch_size: 16
learning_starts: 100
capacity: 5000
zone_size: 500
report_interval_s: 0.2
"""


@contextlib.contextmanager
def trainer(*parameters):
    """Run the node in its own process, which ends with the test."""
    command = [sys.executable, "-m", "der_ros.nodes.sim_trainer", "--ros-args"]
    command += [part for parameter in parameters for part in ("-p", parameter)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def listener():
    rclpy.init()
    node, executor = Node("listener"), SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown()
        thread.join()
        node.destroy_node()
        rclpy.shutdown()
