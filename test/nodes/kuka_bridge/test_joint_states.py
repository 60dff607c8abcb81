"""Joint states that bag readers decode, with velocities from differences."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message

from der_ros.bags.recorder import typestore
from der_ros.nodes.kuka_bridge.joint_states import JointStates

JOINTS = "sensor_msgs/msg/JointState"


def message(states, positions, measured_s):
    names = [f"joint_a{i + 1}" for i in range(len(positions))]
    return states.to_message(names, np.array(positions), measured_s, Time(sec=1))


def test_velocities_are_differences_of_positions():
    states = JointStates()
    assert np.isnan(message(states, [0.0, 1.0], 10.0).velocity).all()
    assert message(states, [0.1, 0.8], 10.1).velocity.tolist() == pytest.approx([1.0, -2.0])


@pytest.mark.parametrize("measured_s", [10.0, 9.0, 11.0])
def test_after_a_gap_no_velocity_is_known(measured_s):
    states = JointStates()
    message(states, [0.0], 10.0)
    assert np.isnan(message(states, [0.1], measured_s).velocity).all()


def test_efforts_are_unknown_and_not_missing():
    assert np.isnan(message(JointStates(), [0.0] * 6, 0.0).effort).tolist() == [True] * 6


def test_rosbags_decodes_them():
    raw = serialize_message(message(JointStates(), [0.5, 1.5], 0.0))
    got = typestore().deserialize_cdr(raw, JOINTS)
    assert (got.position.tolist(), len(got.velocity), len(got.effort)) == ([0.5, 1.5], 2, 2)
