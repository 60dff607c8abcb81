"""The death of a node's thread is reported as a fault, whatever the cause."""

import contextlib

import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from rsi_bench import bench
from std_msgs.msg import Bool
from waiting import until

from der_ros.control.status import Level
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.shared.qos import LATCHED

pytestmark = [pytest.mark.ros, pytest.mark.alone, pytest.mark.usefixtures("own_domain")]


def broken(*_arguments):
    raise ZeroDivisionError("broken by a test")


def is_told(client, name, *words):
    """Return True if the diagnostics have an error of that name with these words."""

    def told():
        message = client.last.get("/diagnostics")
        return message is not None and any(
            status.name == name
            and status.level == bytes([Level.ERROR])
            and all(word in status.message for word in words)
            for status in message.status
        )

    return until(told)


def test_a_dead_publisher_latches_beyond_a_reset(monkeypatch):
    with bench() as it:
        assert until(lambda: it.node.link.connected)
        monkeypatch.setattr(it.node._states, "_publish", broken)
        assert is_told(it.client, "kuka_bridge: robot", "publisher has ended", "ZeroDivisionError")
        told = it.client.trigger("kuka_bridge/reset_fault")
        assert not told.success
        assert "restart kuka_bridge" in told.message
        assert "publisher" in it.node._motion.fault


def only_the_test_puts(node, monkeypatch):
    """Allow only the test to put into the outbox, which supports a single producer thread."""
    monkeypatch.setattr(node, "_every", 10**9)
    answered = node._answers
    assert until(lambda: node._answers > answered + 1)


def test_states_not_published_are_bounded_and_counted(monkeypatch):
    with bench() as it:
        assert until(lambda: it.node.link.connected)
        only_the_test_puts(it.node, monkeypatch)
        monkeypatch.setattr(it.node._states, "_publish", broken)
        it.node._states.put(None, None)
        assert until(lambda: it.node._states.failure)
        for _ in range(1000):
            it.node._states.put(None, None)
        assert len(it.node._states._outbox) <= 250
        assert until(
            lambda: any(
                value.key == "states_not_published" and int(value.value) >= 700
                for status in it.diagnostics().values()
                for value in status.values
            )
        )


def test_a_dead_answering_thread_latches(monkeypatch):
    with bench() as it:
        assert until(lambda: it.node.link.connected)
        monkeypatch.setattr("der_ros.drivers.kuka.rsi_server.shorten_switch_interval", broken)
        assert is_told(it.client, "kuka_bridge: robot", "rsi has ended", "ZeroDivisionError")
        assert not it.node.link.connected


@contextlib.contextmanager
def reading():
    with running(FtBridge, source="topic", input_topic="other/wrench") as (node, client):
        client.listen(Bool, "netft_ready", LATCHED)
        client.listen(DiagnosticArray, "/diagnostics")
        wrenches = client.create_publisher(WrenchStamped, "other/wrench", 10)
        client.create_timer(0.01, lambda: wrenches.publish(WrenchStamped()))
        yield node, client


def test_a_dead_reader_makes_the_sensor_not_ready(monkeypatch):
    with reading() as (node, client):
        assert until(lambda: "netft_ready" in client.last and client.last["netft_ready"].data)
        monkeypatch.setattr(node._readings._topic, "_accept", broken)
        assert until(lambda: not client.last["netft_ready"].data)
        assert is_told(client, "ft_bridge: sensor", "wrench-topic has ended", "ZeroDivisionError")
