"""Parameter changes while a node runs: limits never exceed those at the start."""

import json
import re

import pytest
from bridge_rig import running
from rclpy.parameter import Parameter
from std_msgs.msg import String
from waiting import until

from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits

pytestmark = [pytest.mark.ros, pytest.mark.alone]

BRIDGE = {
    "robot_ip": "127.0.0.1",
    "rsi_port": 0,
    "realtime_priority": 0,
    "max_linear_speed_mps": 0.03,
    "soft_force_n": 20.0,
}


@pytest.fixture(scope="module")
def bridge():
    with running(KukaBridge, **BRIDGE) as (node, client):
        client.listen(String, "kuka/governor_limits", LATCHED)
        assert until(lambda: "kuka/governor_limits" in client.last)
        node.told = lambda: GovernorLimits(**json.loads(client.last["kuka/governor_limits"].data))
        yield node


def change(node, **values):
    return node.set_parameters([Parameter(name, value=value) for name, value in values.items()])


def test_a_speed_can_be_lowered_and_raised_back(bridge):
    for speed in (0.01, 0.03):
        (result,) = change(bridge, max_linear_speed_mps=speed)
        assert result.successful, result.reason
        assert until(lambda: bridge.told().max_linear_speed_mps == speed)  # noqa: B023


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max_linear_speed_mps", 0.031, "expected 0 to 0.03 .*restart the node"),
        ("soft_force_n", 20.5, "expected 0 to 20"),
        ("hard_force_n", 10.0, "hard_force_n"),  # not above the soft force
        ("hard_force_n", 0.0, "hard_force_n"),
        ("max_angular_speed_radps", float("nan"), "nan"),
        ("soft_torque_nm", "low", "expected a number, got 'low'"),
    ],
)
def test_what_is_looser_or_no_limit_is_refused(bridge, name, value, reason):
    before = bridge.told()
    (result,) = change(bridge, **{name: value})
    assert not result.successful
    assert re.search(reason, result.reason), result.reason
    assert bridge.told() == before
    assert bridge.get_parameter(name).value == getattr(before, name)


def test_all_other_parameters_are_read_only(bridge):
    for name in ("workspace_max_m", "command_timeout_s", "yield_gain_mps_per_n", "rsi_port"):
        (result,) = change(bridge, **{name: bridge.get_parameter(name).value})
        assert not result.successful, name


def test_changes_together_are_all_taken_or_none(bridge):
    both = [Parameter("soft_force_n", value=5.0), Parameter("hard_force_n", value=900.0)]
    assert not bridge.set_parameters_atomically(both).successful
    assert bridge.told().soft_force_n == 20.0
