"""Teleoperation in place of the policy: Joy messages move the robot only through the gate."""

import contextlib
import time

import pytest
from joy_pad import JoyPad
from policy_rig import DT, RIGHTFUL, Cell, change_state, running, write_policy
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.tasks import make_task

pytestmark = [pytest.mark.ros, pytest.mark.in_turn, pytest.mark.usefixtures("own_domain")]

TASK_FRAME = "[0.1,0.2,0.25,0.0,0.0,0.0,1.0]"
FULL_MPS = 0.05  # the speed that an action of 1 means in the tests' policy
DEAD_MAN = 0


def speed(cell):
    return cell.twists[-1].twist.linear.x if cell.twists else 0.0


@contextlib.contextmanager
def piloted_server(tmp_path, **more):
    given = {
        "policy": write_policy(tmp_path / "policy.onnx"),
        "task_frame": TASK_FRAME,
        "pilot": "joy",
        "axis_map": "keyboard",
        **more,
    }
    with running(PolicyServer, **given) as (_, test):
        cell, pad = Cell(test), JoyPad(test)
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: len(cell.twists) > 3)
        yield cell, pad


@pytest.fixture
def piloted(tmp_path):
    with piloted_server(tmp_path, **RIGHTFUL) as cell_and_pad:
        yield cell_and_pad


def press(pad, axis_x):
    """Release everything, then hold the dead-man button and deflect the stick."""
    pad.axes, pad.down = [0.0] * 6, ()
    time.sleep(0.1)  # slow enough that the states between are separate readings
    pad.down = (DEAD_MAN,)
    time.sleep(0.1)
    pad.axes = [axis_x, *[0.0] * 5]


def test_a_person_moves_the_robot_by_the_contract(piloted):
    cell, pad = piloted
    press(pad, 1.0)
    assert until(lambda: speed(cell) == pytest.approx(FULL_MPS))
    assert cell.twists[-1].header.frame_id == "task_frame"


def test_a_device_of_any_name_counts_on_request(tmp_path):
    cells = ("kuka/tcp_pose", "kuka/limits", "netft_data", "policy_server/watched")
    given = [*(f"{topic} test" for topic in cells), "joy ?"]
    with piloted_server(tmp_path, rightful_sources=given) as (cell, pad):
        press(pad, 1.0)
        assert until(lambda: speed(cell) == pytest.approx(FULL_MPS))


def test_release_sends_zero_with_the_next_action(piloted):
    cell, pad = piloted
    press(pad, 1.0)
    assert until(lambda: speed(cell) > 0.0)
    pad.down = ()
    released_s, sent = time.monotonic(), len(cell.twists)
    assert until(lambda: len(cell.twists) > sent and speed(cell) == 0.0)
    assert time.monotonic() - released_s < 20 * DT


def test_a_device_that_falls_silent_is_rest(piloted):
    cell, pad = piloted
    press(pad, 1.0)
    assert until(lambda: speed(cell) > 0.0)
    pad.on = False
    assert until(lambda: speed(cell) == 0.0, timeout_s=2.0)
    pad.on = True  # with the stick still pushed and the button still down
    sent = len(cell.twists)
    assert until(lambda: len(cell.twists) > sent + 25)
    assert all(twist.twist.linear.x == 0.0 for twist in cell.twists[sent:])


def test_a_wrong_map_is_refused_at_the_start(tmp_path):
    policy = write_policy(tmp_path / "policy.onnx")
    with (
        pytest.raises(ConfigurationError, match="expected one of keyboard"),
        running(PolicyServer, policy=policy, pilot="joy", axis_map="wii"),
    ):
        pass


def test_a_task_without_a_policy_can_be_taught(tmp_path):
    with piloted_server(tmp_path, policy="''", task="key_slot", **RIGHTFUL) as (cell, pad):
        press(pad, 1.0)
        limit_mps = make_task("key_slot").speed_limits[0]
        assert until(lambda: speed(cell) == pytest.approx(limit_mps))


def test_a_policy_file_of_a_pilot_is_checked(tmp_path):
    policy = write_policy(tmp_path / "lap.onnx")
    given = {"policy": policy, "task": "key_slot", "pilot": "joy", "axis_map": "keyboard"}
    with running(PolicyServer, **given, **RIGHTFUL) as (_, test):
        assert not change_state(test, "configure")
