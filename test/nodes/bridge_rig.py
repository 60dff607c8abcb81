"""What the tests of ft_bridge and kuka_bridge share: a node, a process, a client."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from rclpy.node import Node

from der_ros.nodes.shared.node_process import spinning

ROOT = Path(__file__).resolve().parents[2]


def until(predicate, timeout_s=10.0):
    """Waits until ``predicate`` holds; whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def environment():
    """This process's variables (conftest.py has chosen a domain), to run the source as it is."""
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "PYTHONPATH": path}


# The tests' own client stands for all that it does not start.
RIGHTFUL = {"rightful_sources": "['* bridge_test']"}


def arguments(parameters):
    """``--ros-args`` for parameters; lists as YAML."""
    parameters = {**RIGHTFUL, **parameters}
    return ["--ros-args", *[a for k, v in parameters.items() for a in ("-p", f"{k}:={v}")]]


class Client(Node):
    """Keeps the last message of each topic it listens to, and calls Trigger services."""

    def __init__(self):
        super().__init__("bridge_test", use_global_arguments=False)
        self.last = {}
        self.count = {}

    def listen(self, kind, topic, qos=10):
        def keep(message):
            self.last[topic] = message
            self.count[topic] = self.count.get(topic, 0) + 1

        self.create_subscription(kind, topic, keep, qos)

    def trigger(self, name):
        from std_srvs.srv import Trigger

        client = self.create_client(Trigger, name)
        assert client.wait_for_service(10.0)
        future = client.call_async(Trigger.Request())
        assert until(future.done)
        return future.result()


@contextlib.contextmanager
def running(factory, **parameters):
    """A node in an executor's thread; yields it and a client that spins too."""
    rclpy.init(args=arguments(parameters))
    with contextlib.ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        node = factory()
        stack.callback(node.destroy_node)
        stack.callback(node.close)
        client = Client()
        stack.callback(client.destroy_node)
        stack.enter_context(spinning(node, client))
        yield node, client


@contextlib.contextmanager
def process(module, **parameters):
    """``python -m der_ros.nodes.<module>.node`` with its output in pipes."""
    child = subprocess.Popen(
        [sys.executable, "-m", f"der_ros.nodes.{module}.node", *arguments(parameters)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()
