"""Check that a robot follows its commands, on robots with known deviations."""

import math

import numpy as np
import pytest

from der_ros.drivers.following import FollowingLimits, FollowingWatch
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist

DT = 0.012
FORWARD = Twist(np.array((0.05, 0.0, 0.0)), np.zeros(3))
TURNING = Twist(np.zeros(3), np.array((0.0, 0.0, 0.15)))


def verdicts(robot, sent, seconds, watch=None):
    """Return the verdict on a robot whose position is ``robot(commanded poses)``."""
    watch = watch or FollowingWatch(FollowingLimits())
    commanded, said = [Pose.identity()], []
    for _ in range(round(seconds / DT)):
        said.append(watch.add(robot(commanded), sent, DT, 1))
        commanded.append(commanded[-1].moved(sent.linear * DT, sent.angular * DT))
    return said


def at_once(commanded):
    return commanded[-1]


def late(cycles):
    return lambda commanded: commanded[max(0, len(commanded) - 1 - cycles)]


def nowhere(commanded):
    return commanded[0]


def bent(metres):
    return lambda commanded: Pose(
        commanded[-1].position - np.array((metres, 0.0, 0.0)), commanded[-1].quaternion
    )


@pytest.mark.parametrize("sent", [FORWARD, TURNING])
@pytest.mark.parametrize("robot", [at_once, late(8), bent(0.005)])
def test_lag_and_a_bent_arm_are_no_fault(robot, sent):
    assert not any(verdicts(robot, sent, 20.0))


@pytest.mark.parametrize(
    ("sent", "expected_s"),
    [
        # distance = v T (1 - exp(-t / T)), solved for t.
        (FORWARD, -2.0 * math.log(1.0 - 0.01 / (0.05 * 2.0))),
        (TURNING, -2.0 * math.log(1.0 - 0.05 / (0.15 * 2.0))),
        (Twist(np.array((0.0, 0.01, 0.0)), np.zeros(3)), -2.0 * math.log(1.0 - 0.01 / 0.02)),
    ],
)
def test_a_robot_that_ignores_everything_is_noticed(sent, expected_s):
    said = verdicts(nowhere, sent, 5.0)
    first = next(index for index, text in enumerate(said) if text is not None)
    assert first * DT == pytest.approx(expected_s, abs=2.5 * DT)
    assert "the robot does not follow" in said[first]


def test_a_motion_without_a_command_is_noticed():
    watch = FollowingWatch(FollowingLimits())
    pose, said = Pose.identity(), []
    for _ in range(40):
        said.append(watch.add(pose, Twist.zero(), DT, 1))
        pose = pose.moved(np.array((0.0005, 0.0, 0.0)), np.zeros(3))
    assert any(said)
    watch.restart()
    assert watch.difference == (0.0, 0.0)


def test_motion_between_two_sessions_is_no_fault():
    watch, elsewhere = FollowingWatch(FollowingLimits()), np.array((0.5, 0.0, 0.0))
    watch.add(Pose.identity(), FORWARD, DT, 1)
    moved = Pose.identity().moved(elsewhere, elsewhere)
    assert [watch.add(moved, Twist.zero(), DT, 2) for _ in range(3)] == [None] * 3
    assert watch.difference == (0.0, 0.0)
    assert watch.add(Pose.identity(), Twist.zero(), DT, 2) is not None


def test_single_answers_that_are_lost_fade():
    """One answer in a hundred is lost at full speed: 0.6 mm each, 83 cycles per second."""

    class Robot:
        lost = np.zeros(3)

        def __call__(self, commanded):
            if len(commanded) % 100 == 0:
                self.lost = self.lost + np.array((0.0006, 0.0, 0.0))
            return Pose(commanded[-1].position - self.lost, commanded[-1].quaternion)

    assert not any(verdicts(Robot(), FORWARD, 60.0))


@pytest.mark.parametrize("name", ["distance_m", "angle_rad", "memory_s"])
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_limits_are_checked(name, bad):
    with pytest.raises(ConfigurationError, match=name):
        FollowingLimits(**{name: bad})
