"""A bias that would hide a force is refused: during an attempt, and in contact."""

import time

import pytest
from bridge_rig import running
from geometry_msgs.msg import WrenchStamped
from std_msgs.msg import Empty
from waiting import until

from der_ros.control.sensor.bias_rules import ATTEMPT_S
from der_ros.nodes.ft_bridge.node import FtBridge

pytestmark = pytest.mark.ros


class Tool:
    """Another driver's sensor, with or without a running attempt."""

    def __init__(self, client):
        self.client, self.force_n, self.torque_nm, self.running = client, 0.0, 0.0, False
        self._wrenches = client.create_publisher(WrenchStamped, "wrench", 10)
        self._watched = client.create_publisher(Empty, "policy_server/watched", 1)
        client.listen(WrenchStamped, "netft_data")
        client.create_timer(0.005, self._tell)

    def _tell(self):
        message = WrenchStamped()
        message.header.stamp = self.client.get_clock().now().to_msg()
        message.wrench.force.z, message.wrench.torque.x = self.force_n, self.torque_nm
        self._wrenches.publish(message)
        if self.running:
            self._watched.publish(Empty())

    def feels(self, force_n=0.0, torque_nm=0.0):
        """Return True once all readings of the window have these values."""
        self.force_n, self.torque_nm = force_n, torque_nm
        seen = self.client.count.get("netft_data", 0)
        return until(lambda: self.client.count.get("netft_data", 0) > seen + 120)

    def bias(self):
        return self.client.trigger("ft_bridge/bias")


@pytest.fixture
def tool():
    with running(FtBridge, source="topic") as (_, client):
        yield Tool(client)


def test_a_bias_in_contact_is_refused(tool):
    assert tool.feels()
    assert tool.bias().success
    assert tool.feels(force_n=38.0)
    answer = tool.bias()
    assert not answer.success
    assert "38.0 N are felt, expected at most 10 since the last bias" in answer.message
    assert tool.feels()
    assert tool.bias().success


def test_a_torque_alone_is_a_contact(tool):
    assert tool.feels()
    assert tool.bias().success
    assert tool.feels(torque_nm=20.0)
    assert "20.0 Nm are felt" in tool.bias().message


def test_who_looks_and_insists_has_changed_the_tool(tool, monkeypatch):
    monkeypatch.setattr("der_ros.control.sensor.bias_rules.INSPECTION_S", 0.5)
    assert tool.feels()
    assert tool.bias().success
    assert tool.feels(force_n=38.0)
    began_s = time.monotonic()
    assert until(lambda: tool.bias().success, 20.0)
    assert time.monotonic() - began_s >= 0.5


def test_who_only_tries_again_is_refused_again(tool):
    assert tool.feels()
    assert tool.bias().success
    assert tool.feels(force_n=38.0)
    assert not any(tool.bias().success for _ in range(20))


def test_a_bias_in_an_attempt_is_refused_each_time(tool):
    assert tool.feels()
    assert tool.bias().success
    tool.running = True
    assert until(lambda: not tool.bias().success)
    for _ in range(3):
        assert "an attempt runs" in tool.bias().message
    tool.running = False
    assert until(lambda: tool.bias().success, 10.0 * ATTEMPT_S)


def test_a_first_bias_that_no_tool_explains_is_refused(tool):
    assert tool.feels(torque_nm=20.0)
    for _ in range(2):
        assert "20.0 Nm are felt, expected at most 15 at the first bias" in tool.bias().message
    assert tool.feels(force_n=60.0)
    assert tool.bias().success
