"""Finds the pose and the wrench of each policy tick, and rebuilds the observation from them.

A recorded observation contains the numbers of its pose and wrench, so the pair that reproduces it
bit for bit is the one that the policy used. If no pair does, the newest messages by stamp are used,
and the tick is counted as not matched.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from der_ros.control.policy_inputs import (
    InputFrames,
    PolicyInputs,
    PoseInput,
    UnusableInputError,
    WrenchInput,
)
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Wrench
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.recorded_stream import Recorded, Tick, Window
from der_ros.offline_replay.what_if import WhatIf

RECENT_NS = 150_000_000
"""Age up to which a pose or wrench may be the input of a tick, ns."""


class SeenInputs:
    """Pose and wrench of one tick.

    Args:
        pose: Pose that the policy used; None if there was none.
        wrench: Wrench that the policy used; None if there was none.
        matched: True if they reproduce the observation bit for bit.
    """

    def __init__(self, pose: Recorded | None, wrench: Recorded | None, matched: bool) -> None:
        self.pose, self.wrench, self.matched = pose, wrench, matched


class InputMatcher:
    """Finds the inputs of the policy in a tick.

    Args:
        setup: Setup of the attempt.
    """

    def __init__(self, setup: AttemptSetup) -> None:
        self._setup = setup
        self._task_from_base = setup.base_from_task.inverse()

    def find(self, tick: Tick, window: Window) -> SeenInputs:
        """Return the pose and wrench of ``tick``."""
        poses = _recent(window.poses, tick.at_ns)
        wrenches = _recent(window.wrenches, tick.at_ns)
        seen = tick.observation
        for pose in poses:
            if not self._gives(pose, seen):
                continue
            for wrench in wrenches:
                if np.array_equal(self._observation(pose, wrench)[7:], seen[7:]):
                    return SeenInputs(pose, wrench, True)
        pose_before = poses[0] if poses else None
        return SeenInputs(pose_before, wrenches[0] if wrenches else None, False)

    def _gives(self, pose: Recorded, seen: NDArray[np.float32]) -> bool:
        try:
            held = self._task_from_base @ _pose(pose)
        except ConfigurationError:
            return False
        return np.array_equal(np.array(held.to_sequence(), np.float32), seen[:7])

    def _observation(self, pose: Recorded, wrench: Recorded) -> NDArray[np.float32]:
        inputs = PolicyInputs(_frames(self._setup), WhatIf(parameters=_LAX).inputs())
        fill(inputs, pose, wrench, 0)
        try:
            return inputs.observe(0.0)
        except UnusableInputError:
            return np.full(13, np.nan, np.float32)


_LAX = {"policy_server.max_stamp_difference_s": 10.0}


def replayed_inputs(setup: AttemptSetup, what_if: WhatIf) -> PolicyInputs:
    """Return the policy's inputs, without any message yet."""
    return PolicyInputs(_frames(setup), what_if.inputs())


def fill(
    inputs: PolicyInputs, pose: Recorded | None, wrench: Recorded | None, start_ns: int
) -> None:
    """Set the policy's newest inputs; None keeps the previous one.

    Args:
        inputs: Inputs to update.
        pose: Newest pose, or None.
        wrench: Newest wrench, or None.
        start_ns: Bag time of 0 s; with 0, every message counts as new.
    """
    if pose is not None:
        numbers, values = pose.numbers, pose.numbers.values
        position, quaternion = np.array(values[:3]), np.array(values[3:])
        came_s = _came_s(pose, start_ns)
        inputs.pose = PoseInput(position, quaternion, numbers.frame_id, numbers.stamp_ns, came_s)
    if wrench is not None:
        values = wrench.numbers.values
        felt = Wrench(np.array(values[:3]), np.array(values[3:]))
        inputs.wrench = WrenchInput(felt, wrench.numbers.stamp_ns, _came_s(wrench, start_ns))


def _came_s(message: Recorded, start_ns: int) -> float:
    """Return the earliest possible arrival, s: the earlier of stamp and bag time."""
    earliest_ns = min(message.arrived_ns, message.numbers.stamp_ns)
    return 1e-9 * (earliest_ns - start_ns) if start_ns else 0.0


def _frames(setup: AttemptSetup) -> InputFrames:
    return InputFrames(setup.base_from_task, setup.tcp_from_sensor, setup.base_frame)


def _pose(pose: Recorded) -> Pose:
    values = pose.numbers.values
    return Pose(np.array(values[:3]), np.array(values[3:]))


def _recent(kept: deque[Recorded], at_ns: int) -> list[Recorded]:
    """Return the messages of the last ``RECENT_NS`` before ``at_ns``, newest first."""
    found = []
    for each in reversed(kept):
        stamp_ns = each.numbers.stamp_ns
        if stamp_ns <= at_ns - RECENT_NS:
            break
        if stamp_ns <= at_ns:
            found.append(each)
    return found
