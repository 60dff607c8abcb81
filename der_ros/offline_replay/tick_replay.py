"""Finds the pose and the wrench of each policy tick, and rebuilds the observation from them.

A recorded observation contains the numbers of its pose and wrench, so the pair that reproduces it
bit for bit is the one that the policy used. If no pair does, the newest messages by stamp are used,
and the tick is counted as not matched.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.control.policy_inputs import (
    InputFrames,
    PolicyInputs,
    PoseInput,
    UnusableInputError,
    WrenchInput,
)
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.recorded_stream import Recorded, Tick, Window
from der_ros.offline_replay.what_if import WhatIf
from der_ros.rotation import conjugate, rotate

_OBSERVED = 13
# Far above the rounding of an observation, in single precision, and far below a sensor's noise.
_NEAR_M, _NEAR_N = 1e-6, 1e-5
RECENT_NS = 150_000_000
"""Age up to which a pose or wrench may be the input of a tick, ns."""


class SeenInputs(NamedTuple):
    """Pose and wrench of one tick.

    Attributes:
        pose: Pose that the policy used; None if there was none.
        wrench: Wrench that the policy used; None if there was none.
        observation: Observation that the node's core makes of them, bit for bit the recorded one;
            None if no pair gives that.
    """

    pose: Recorded | None
    wrench: Recorded | None
    observation: NDArray[np.float32] | None

    @property
    def matched(self) -> bool:
        """True if pose and wrench reproduce the observation bit for bit."""
        return self.observation is not None


class InputMatcher:
    """Finds the inputs of the policy in a tick.

    Pairs that are far from the observation are passed over by plain numbers; the node's own core
    judges the others.

    Args:
        setup: Setup of the attempt.
    """

    def __init__(self, setup: AttemptSetup) -> None:
        self._frame = setup.base_frame
        self._inputs = PolicyInputs(_frames(setup), _AnyAge())
        self._task_in_base, from_task = setup.base_from_task.to_numbers()
        self._to_task = conjugate(from_task)

    def find(self, tick: Tick, window: Window) -> SeenInputs:
        """Return the pose and wrench of ``tick``."""
        numbers = tick.observation.tolist()
        if len(numbers) == _OBSERVED and math.isfinite(sum(numbers)):
            x, y, z = numbers[:3]
            force_n = math.hypot(*numbers[7:10])
            for pose in _recent(window.poses, tick.at_ns):
                if not self._is_near(pose, x, y, z):
                    continue
                for wrench in _recent(window.wrenches, tick.at_ns):
                    fx, fy, fz, _, _, _ = wrench.numbers.values
                    if abs(math.hypot(fx, fy, fz) - force_n) < _NEAR_N * (1.0 + force_n):
                        observation = self._observed(pose, wrench)
                        if observation is not None and observation.tolist() == numbers:
                            return SeenInputs(pose, wrench, observation)
        pose_before = next(_recent(window.poses, tick.at_ns), None)
        return SeenInputs(pose_before, next(_recent(window.wrenches, tick.at_ns), None), None)

    def _is_near(self, pose: Recorded, x: float, y: float, z: float) -> bool:
        """Return True if a pose may lie at (x, y, z) m in the task frame."""
        numbers = pose.numbers
        if numbers.frame_id != self._frame:
            return False
        px, py, pz, _, _, _, _ = numbers.values
        tx, ty, tz = self._task_in_base
        px, py, pz = rotate(self._to_task, px - tx, py - ty, pz - tz)
        return abs(px - x) + abs(py - y) + abs(pz - z) < _NEAR_M * (1.0 + abs(x) + abs(y) + abs(z))

    def _observed(self, pose: Recorded, wrench: Recorded) -> NDArray[np.float32] | None:
        """Return the observation of the node's core; None if it refuses the inputs."""
        fill(self._inputs, pose, wrench, 0)
        try:
            return self._inputs.observe(0.0)
        except UnusableInputError:
            return None


def replayed_inputs(setup: AttemptSetup, what_if: WhatIf) -> PolicyInputs:
    """Return the policy's inputs, without any message yet.

    The recorded policy has judged their age, so only a change of it or of its inputs needs limits.
    """
    limits = what_if.inputs() if what_if.judges_inputs else _AnyAge()
    return PolicyInputs(_frames(setup), limits)


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
        came_s = _came_s(wrench, start_ns)
        inputs.wrench = WrenchInput(wrench.wrench(), wrench.numbers.stamp_ns, came_s)


class _AnyAge:
    """Limits that accept inputs of any age, because ``policy_server`` has checked it."""

    pose_timeout_s = wrench_timeout_s = max_stamp_difference_s = math.inf


def _came_s(message: Recorded, start_ns: int) -> float:
    """Return the earliest possible arrival, s: the earlier of stamp and bag time."""
    earliest_ns = min(message.arrived_ns, message.numbers.stamp_ns)
    return 1e-9 * (earliest_ns - start_ns) if start_ns else 0.0


def _frames(setup: AttemptSetup) -> InputFrames:
    return InputFrames(setup.base_from_task, setup.tcp_from_sensor, setup.base_frame)


def _recent(kept: deque[Recorded], at_ns: int) -> Iterator[Recorded]:
    """Yield the messages of the last ``RECENT_NS`` before ``at_ns``, newest first."""
    for each in reversed(kept):
        stamp_ns = each.numbers.stamp_ns
        if stamp_ns <= at_ns - RECENT_NS:
            break
        if stamp_ns <= at_ns:
            yield each
