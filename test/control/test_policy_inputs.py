"""Observations without ROS: freshness, pairing and frames, at times set by the test."""

import numpy as np
import pytest

from der_ros.control.policy_inputs import (
    InputFrames,
    PolicyInputs,
    PoseInput,
    UnusableInputError,
    WrenchInput,
)
from der_ros.geometry import Pose, Wrench
from der_ros.parameters.policy_server import InputParameters
from der_ros.policy.observation import build_observation, wrench_at_held_piece

NOW_S = 100.0
TASK = Pose(np.array((1.0, 0.2, 0.7)), np.array((0.0, 0.0, 0.6, 0.8)))
SENSOR = Pose(np.array((0.0, 0.0, 0.12)), np.array((0.0, 0.0, 0.0, 1.0)))
HELD = Pose(np.array((0.01, -0.02, 0.03)), np.array((0.0, 0.0, 0.0, 1.0)))
FELT = Wrench(np.array((1.0, 2.0, 3.0)), np.array((0.1, 0.2, 0.3)))


def pose(arrived_s=NOW_S, stamp_ns=0, frame_id="base_link", quaternion=None):
    seen = TASK @ HELD
    quaternion = seen.quaternion if quaternion is None else quaternion
    return PoseInput(seen.position, quaternion, frame_id, stamp_ns, arrived_s)


def wrench(arrived_s=NOW_S, stamp_ns=0, felt=FELT):
    return WrenchInput(felt, stamp_ns, arrived_s)


def inputs(newest_pose, newest_wrench):
    it = PolicyInputs(InputFrames(TASK, SENSOR, "base_link"), InputParameters())
    it.pose, it.wrench = newest_pose, newest_wrench
    return it


def test_the_observation_is_that_of_training():
    observation = inputs(pose(), wrench()).observe(NOW_S)
    expected = build_observation(HELD, wrench_at_held_piece(FELT, HELD, SENSOR))
    assert np.allclose(observation, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("newest_pose", "newest_wrench", "kind"),
    [
        (None, wrench(), "stale"),
        (pose(), None, "stale"),
        (pose(arrived_s=NOW_S - 0.11), wrench(), "stale"),
        (pose(), wrench(arrived_s=NOW_S - 0.11), "stale"),
        (pose(stamp_ns=0), wrench(stamp_ns=51_000_000), "unsynchronised"),
        (pose(frame_id="tcp"), wrench(), "wrong_frame"),
        (pose(quaternion=np.zeros(4)), wrench(), "not_finite"),
        (pose(), wrench(felt=Wrench(np.full(3, np.nan), np.zeros(3))), "not_finite"),
    ],
)
def test_an_unfit_input_is_refused(newest_pose, newest_wrench, kind):
    with pytest.raises(UnusableInputError) as caught:
        inputs(newest_pose, newest_wrench).observe(NOW_S)
    assert caught.value.kind == kind


def test_a_refused_message_is_named():
    it = inputs(None, wrench())
    it.refusals = {"pose": "no time"}
    with pytest.raises(UnusableInputError, match=r"no pose for 0\.1 s; no time"):
        it.observe(NOW_S)
