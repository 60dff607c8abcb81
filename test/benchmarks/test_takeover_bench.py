"""Scripted person of the takeover benchmark, without a training."""

import bench_takeover
import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped

from der_ros.tasks import make_task
from der_ros.teleop.axis_map import load_map

pytestmark = pytest.mark.ros

MAY, DRIVES, ENDED = "hold the dead-man button", "you drive", "let go and press again"


@pytest.fixture
def person(monkeypatch):
    rclpy.init()
    person = bench_takeover.Person("peg_in_hole", interventions=2)
    person.sent = []
    monkeypatch.setattr(person, "_joy", type("Joys", (), {"publish": person.sent.append}))
    yield person
    person.destroy_node()
    rclpy.shutdown()


def tell(person, state):
    person._on_state(DiagnosticStatus(message=state))


def see(person, x_m):
    """Show the piece above the rim, ``x_m`` aside of its goal."""
    piece, goal = PoseStamped(), PoseStamped()
    piece.pose.position.x, piece.pose.position.z = x_m, 0.05
    piece.pose.orientation.w = goal.pose.orientation.w = 1.0
    person._on_piece(piece)
    person._on_goal(goal)


def after_s(person, seconds):
    """Return the newest message after a time."""
    for _ in range(round(seconds / bench_takeover._READING_S)):
        person._publish()
    return person.sent[-1]


def test_two_interventions_and_no_third(person):
    tell(person, MAY)
    assert after_s(person, 1.0).buttons[0] == 0  # the training shows nothing yet
    for _ in range(2):
        see(person, 0.0)
        assert after_s(person, 1.0).buttons[0] == 1
        tell(person, ENDED)
        assert after_s(person, 0.1).buttons[0] == 0
        tell(person, MAY)
    see(person, 0.0)
    assert after_s(person, 1.0).buttons[0] == 0


def test_the_stick_moves_the_piece_to_its_goal(person):
    tell(person, MAY)
    see(person, 0.0)
    after_s(person, 1.0)
    assert not any(person.sent[-1].axes)  # not before it drives
    tell(person, DRIVES)
    see(person, -0.002)
    axes = after_s(person, 0.02).axes
    speed = load_map("keyboard").action(axes) * make_task("peg_in_hole").speed_limits
    assert speed[0] > 0.001
    assert np.abs(speed[1]) < 1e-9
