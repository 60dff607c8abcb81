"""Support for tests of ft_bridge and kuka_bridge: a node, a process, a client."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import rclpy
from rclpy.node import Node
from waiting import until

from der_ros.nodes.shared.node_process import spinning

ROOT = Path(__file__).resolve().parents[2]


def environment():
    """Return this process's variables (conftest.py sets the domain), to run from the sources."""
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "PYTHONPATH": path}


# The tests' client stands for every node that is not started.
RIGHTFUL = {"rightful_sources": "['* bridge_test']"}


def arguments(parameters):
    """Return ``--ros-args`` for parameters, with lists as YAML."""
    parameters = {**RIGHTFUL, **parameters}
    return ["--ros-args", *[a for k, v in parameters.items() for a in ("-p", f"{k}:={v}")]]


class Client(Node):
    """Keeps the last message of each subscribed topic, and calls Trigger services."""

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
    """Run a node in an executor's thread; yield it and a spinning client."""
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
    """Run ``python -m der_ros.nodes.<module>.node`` with its output in pipes."""
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
