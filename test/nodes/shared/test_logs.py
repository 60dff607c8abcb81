import logging

import pytest
import rclpy
from rcl_interfaces.msg import Log
from rclpy.node import Node
from waiting import until

from der_ros.nodes.shared.logs import logged_by
from der_ros.nodes.shared.node_process import spinning

pytestmark = pytest.mark.ros

SEVERITIES = {
    logging.DEBUG: Log.DEBUG,
    logging.INFO: Log.INFO,
    logging.WARNING: Log.WARN,
    logging.ERROR: Log.ERROR,
    logging.CRITICAL: Log.FATAL,
}


@pytest.fixture
def node():
    rclpy.init()
    node = Node("logging_node")
    yield node
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def heard(node):
    """Record the node's messages on /rosout."""
    heard = []
    listener = Node("listener")
    listener.create_subscription(Log, "/rosout", heard.append, 100)
    with spinning(listener):
        yield heard
    listener.destroy_node()


def test_records_of_any_module_reach_rosout_stamped(node, heard):
    driver = logging.getLogger("der_ros.drivers.example")

    def arrived():
        driver.warning("the box is %s", "off")
        return any(record.msg == "the box is off" for record in heard)

    with logged_by(node):
        assert until(arrived, 20.0)
    record = next(each for each in heard if each.msg == "the box is off")
    assert (record.name, record.level) == ("logging_node", Log.WARN)
    assert record.stamp.sec > 1_000_000_000


def test_each_severity_is_its_ros_severity(node, heard):
    driver = logging.getLogger("der_ros.drivers.example")
    driver.setLevel(logging.DEBUG)
    node.get_logger().set_level(rclpy.logging.LoggingSeverity.DEBUG)

    def arrived():
        for level in SEVERITIES:
            driver.log(level, "%d", level)
        return {r.msg: r.level for r in heard if r.name == "logging_node"} == wanted

    wanted = {
        str(level): int.from_bytes(s, "little") if isinstance(s, bytes) else s
        for level, s in SEVERITIES.items()
    }
    with logged_by(node):
        assert until(arrived, 20.0)


def test_an_exception_is_logged_with_its_traceback(node, heard):
    def arrived():
        try:
            raise ValueError("unexpected")
        except ValueError:
            logging.getLogger("der_ros.example").exception("failed")
        return any("ValueError: unexpected" in record.msg for record in heard)

    with logged_by(node):
        assert until(arrived, 20.0)


def test_handlers_are_back_afterwards(node):
    before = logging.getLogger().handlers[:]
    with logged_by(node):
        assert logging.getLogger().handlers != before
    assert logging.getLogger().handlers == before


def test_nobody_waits_for_a_log_that_is_stuck(node, monkeypatch):
    """A blocked terminal must not delay the thread that answers a robot."""
    release = []
    monkeypatch.setattr(
        "der_ros.nodes.shared.logs._NodeHandler.emit", lambda *_: until(lambda: bool(release), 20.0)
    )
    monkeypatch.setattr(logging, "raiseExceptions", True)
    with logged_by(node):
        for number in range(3000):
            logging.getLogger("der_ros.example").warning("record %d", number)
        release.append(True)
