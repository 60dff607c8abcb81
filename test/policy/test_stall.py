import numpy as np
import pytest

from der_ros.geometry import Pose, Twist, quaternion_from_rotation_vector
from der_ros.policy.stall import StallLimits, StallWatch

LIMITS = StallLimits(patience_s=2.0)
DT = 0.02
DOWN = Twist(np.array((0.0, 0.0, -0.02)), np.zeros(3))
STILL = Pose.identity()


def at(x, yaw=0.0):
    return Pose(np.array((x, 0.0, 0.0)), quaternion_from_rotation_vector((0.0, 0.0, yaw)))


def first_stall(poses, command, limits=LIMITS):
    """Return the time of the first check that finds a stall, or None."""
    watch = StallWatch(limits)
    looks = (
        step * DT for step, pose in enumerate(poses) if watch.stalled(step * DT, pose, command)
    )
    return next(looks, None)


def test_a_piece_that_does_not_move_stalls():
    assert first_stall([STILL] * 200, DOWN) == pytest.approx(2.0, abs=DT)


def test_a_command_to_stand_still_is_no_stall():
    assert first_stall([STILL] * 200, Twist.zero()) is None
    assert first_stall([STILL] * 200, Twist(np.full(3, np.nan), np.zeros(3))) is None


def test_a_turn_that_is_asked_for_in_vain_is_a_stall():
    assert first_stall([STILL] * 200, Twist(np.zeros(3), np.array((0.0, 0.0, 0.05)))) is not None


@pytest.mark.parametrize("moving", [lambda i: at(1e-5 * i), lambda i: at(0.0, 1e-4 * i)])
def test_slow_progress_is_progress(moving):
    assert first_stall([moving(i) for i in range(400)], DOWN) is None


def test_trembling_is_no_progress():
    assert first_stall([at(2e-4 * (-1) ** i) for i in range(200)], DOWN) is not None


def test_progress_begins_the_patience_anew():
    poses = [STILL] * 80 + [at(0.01)] * 200
    assert first_stall(poses, DOWN) == pytest.approx(80 * DT + 2.0, abs=2 * DT)


def test_without_patience_nothing_is_a_stall():
    assert first_stall([STILL] * 2000, DOWN, StallLimits(patience_s=0.0)) is None
