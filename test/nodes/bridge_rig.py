"""What the tests of ft_bridge and kuka_bridge share: a domain of their own, a node, a client."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

with warnings.catch_warnings():
    # rclpy loads its parser of message definitions late, which imports deprecated modules.
    warnings.simplefilter("ignore", DeprecationWarning)
    import rosidl_generator_py  # noqa: F401

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
    """This process's variables, with a domain that no other test run shares."""
    domain = os.environ.get("ROS_DOMAIN_ID") or str(1 + os.getpid() % 100)
    local = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": domain}
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, **local, "PYTHONPATH": path}


def arguments(parameters):
    """``--ros-args`` for parameters; lists as YAML."""
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
def running(factory, monkeypatch, **parameters):
    """A node in an executor's thread; yields it and a client that spins too."""
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, environment()[name])
    rclpy.init(args=arguments(parameters))
    with contextlib.ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        node = factory()
        stack.callback(node.destroy_node)
        stack.callback(node.close)
        client = Client()
        stack.callback(client.destroy_node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.add_node(client)
        closed = threading.Event()
        spinner = threading.Thread(target=spin, args=(executor, closed))
        spinner.start()
        # In reverse: stop spinning, wait for that, and only then shut the executor down.
        stack.callback(executor.shutdown)
        stack.callback(spinner.join, 5.0)
        stack.callback(executor.wake)
        stack.callback(closed.set)
        yield node, client


def spin(executor, closed):
    """Spins until ``closed``."""
    while not closed.is_set():
        executor.spin_once(timeout_sec=0.5)


@contextlib.contextmanager
def process(module, **parameters):
    """``python -m der_ros.nodes.<module>`` with its output in pipes."""
    child = subprocess.Popen(
        [sys.executable, "-m", f"der_ros.nodes.{module}", *arguments(parameters)],
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
