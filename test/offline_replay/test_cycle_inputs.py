"""Twists rebuilt from bags with and without records of the bridge's inputs."""

import numpy as np
import pytest
from copied_bags import BAGS, copied

from der_ros.bags.recorder import typestore
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.replay_report import differences_of, lines_of, report_of
from der_ros.policy.runtime import OnnxPolicy

POLICIES = {"kr60": "lap_joint", "iiwa": "peg_in_hole"}


def replayed(bag, robot):
    policy = OnnxPolicy.load(BAGS / f"{POLICIES[robot]}.onnx")
    return replay_bag(bag, policy, policy.contract.scale)


@pytest.mark.parametrize("robot", POLICIES)
def test_twists_are_rebuilt_with_recorded_inputs(robot):
    replay = replayed(BAGS / f"{robot}_exact", robot)
    assert replay.applied.samples == replay.cycles > 170
    assert replay.applied.undetermined == 0
    assert replay.applied.largest < 1e-6
    assert differences_of(replay) == []


@pytest.mark.parametrize("robot", POLICIES)
def test_without_the_inputs_it_is_still_the_same(tmp_path, robot):
    replay = replayed(copied(tmp_path, f"{robot}_exact", without="cycle_inputs"), robot)
    assert replay.applied.compared > 0.85 * replay.cycles
    assert differences_of(replay) == []


@pytest.mark.parametrize(("robot", "unknown"), [("kr60", 1), ("iiwa", 22)])
def test_without_the_inputs_it_says_what_is_unknown(robot, unknown):
    replay = replayed(BAGS / f"{robot}_success", robot)
    assert replay.applied.undetermined == unknown
    assert differences_of(replay) == []
    told = f"{unknown} twists cannot be determined from this bag"
    assert told in "\n".join(lines_of(report_of(replay)))


def faster(data):
    """Return the twist with 20 % more speed."""
    name = "geometry_msgs/msg/TwistStamped"
    message = typestore().deserialize_cdr(data, name)
    for vector in (message.twist.linear, message.twist.angular):
        vector.x, vector.y, vector.z = 1.2 * vector.x, 1.2 * vector.y, 1.2 * vector.z
    return bytes(typestore().serialize_cdr(message, name))


@pytest.mark.parametrize("robot", POLICIES)
def test_without_the_inputs_a_difference_fails(tmp_path, robot):
    bag = copied(
        tmp_path,
        f"{robot}_exact",
        without="cycle_inputs",
        changes={"kuka/twist_applied": faster},
    )
    replay = replayed(bag, robot)
    assert differences_of(replay) != []
    assert any("applied twists: " in each for each in report_of(replay)["differs"])


def off_by_little(data):
    """Return the record with a decided twist changed by 0.01 mm/s."""
    name = "std_msgs/msg/Float64MultiArray"
    message = typestore().deserialize_cdr(data, name)
    message.data = np.array(message.data)
    message.data[12] += 1e-5
    return bytes(typestore().serialize_cdr(message, name))


def test_with_the_inputs_a_small_difference_fails(tmp_path):
    bag = copied(tmp_path, "kr60_exact", changes={"cycle_inputs": off_by_little})
    replay = replayed(bag, "kr60")
    assert replay.applied.beyond > 0.9 * replay.cycles
    assert differences_of(replay) != []


def other_wrench(data):
    """Return the record with a wrench that is not in the bag."""
    name = "std_msgs/msg/Float64MultiArray"
    message = typestore().deserialize_cdr(data, name)
    message.data = np.array(message.data)
    message.data[9] += 1.0
    return bytes(typestore().serialize_cdr(message, name))


def test_a_wrench_that_is_missing_determines_nothing(tmp_path):
    bag = copied(tmp_path, "kr60_exact", changes={"cycle_inputs": other_wrench})
    replay = replayed(bag, "kr60")
    assert replay.applied.undetermined == replay.cycles
    assert differences_of(replay) == []
