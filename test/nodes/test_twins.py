"""A second node of one name is refused while the first lives, and starts where it was killed."""

import time

import pytest
import rclpy
from bridge_rig import process
from diagnostic_msgs.msg import DiagnosticArray
from policy_rig import own_domain

pytestmark = pytest.mark.ros

PARAMETERS = {"source": "topic"}


@pytest.fixture(autouse=True)
def _domain(monkeypatch):
    own_domain(monkeypatch)


@pytest.fixture
def first():
    with process("ft_bridge", **PARAMETERS) as child:
        assert is_alive("ft_bridge")
        yield child


def is_alive(name, timeout_s=20.0):
    """Whether a node of this name publishes diagnostics from now on."""
    rclpy.init()
    node = rclpy.create_node("watcher")
    heard = []
    node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    deadline_s = time.monotonic() + timeout_s
    while not heard and time.monotonic() < deadline_s:
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    rclpy.shutdown()
    return any(status.name.startswith(name) for each in heard for status in each.status)


def test_a_second_node_of_one_name_is_refused(first):
    with process("ft_bridge", **PARAMETERS) as second:
        output, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert "error: another ft_bridge is alive in ROS domain" in output
    assert first.poll() is None


def test_the_successor_of_a_killed_node_starts(first):
    first.kill()
    first.wait()
    with process("ft_bridge", **PARAMETERS):
        assert is_alive("ft_bridge")
