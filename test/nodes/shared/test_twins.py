"""A second node of the same name is refused while the first lives, but may replace a killed one."""

import contextlib
import subprocess
import sys
import time

import pytest
import rclpy
from bridge_rig import environment, process
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.twins import ALIVE_TOPIC, UniqueName

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

PARAMETERS = {"source": "topic"}
STARTS = 10
TWIN = """
import sys
from der_ros.nodes.shared.node_process import ShellNode, run_node
sys.stdin.readline()  # both have been loaded
sys.exit(run_node(lambda: ShellNode("twin", namespace="/cell")))
"""


@pytest.fixture
def first():
    with process("ft_bridge", **PARAMETERS) as child:
        assert is_alive("ft_bridge")
        yield child


def is_alive(name, timeout_s=20.0):
    """Return True if a node of this name publishes diagnostics from now on."""
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


@contextlib.contextmanager
def twins():
    """Two processes that wait for a line before they start a node of the same name."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", TWIN]
    pair = [subprocess.Popen(command, env=environment(), text=True, **pipes) for _ in range(2)]
    try:
        yield pair
    finally:
        for child in pair:
            child.kill()
            child.communicate()


@pytest.mark.parametrize("start", range(STARTS))
def test_of_two_that_start_at_once_one_goes_on(start):
    with twins() as pair:
        # The second one lags by up to a third of a second.
        for child, wait_s in zip(pair, (0.0, 0.035 * start), strict=True):
            time.sleep(wait_s)
            child.stdin.write("\n")
            child.stdin.flush()
        assert until(lambda: any(child.poll() is not None for child in pair), 20.0)
        (loser,) = [child for child in pair if child.poll() is not None]
        assert "another cell/twin is alive" in loser.stderr.read()
        assert not until(lambda: all(child.poll() is not None for child in pair), 1.0)


@pytest.fixture
def node():
    rclpy.init()
    it = Node("twin", use_global_arguments=False)
    yield it
    it.destroy_node()
    rclpy.shutdown()


def test_a_node_that_works_already_keeps_its_name(node):
    """This holds even if its clock is ahead."""
    first = UniqueName(node, "twin")
    first._claim = first._claim._replace(began_ns=first._claim.began_ns + 10**12)
    first.hold(pytest.fail)
    second = UniqueName(node, "twin")
    with pytest.raises(ConfigurationError, match="another twin is alive"):
        assert until(second.refuse_an_earlier_claim)
    first.refuse_an_earlier_claim()


@pytest.mark.parametrize("began_ns", ["", "soon", "-1", "9" * 5000])
def test_a_claim_that_is_none_counts_for_nothing(node, began_ns):
    """A valid claim of another node follows it."""
    it, publisher = (
        UniqueName(node, "twin"),
        node.create_publisher(DiagnosticStatus, ALIVE_TOPIC, LATCHED),
    )

    def claim(value):
        values = [KeyValue(key="began_ns", value=value), KeyValue(key="token", value=value)]
        publisher.publish(DiagnosticStatus(name="twin", message="running", values=values))

    assert until(lambda: publisher.get_subscription_count() == 1)
    claim(began_ns)
    assert not until(it.refuse_an_earlier_claim, 0.3)
    claim("1")
    with pytest.raises(ConfigurationError, match="another twin is alive"):
        until(it.refuse_an_earlier_claim)
