"""Finds the pose and the wrench of each policy tick, and rebuilds the observation from them.

A recorded observation contains the numbers of its pose and wrench, so the pair that reproduces it
bit for bit is the one that the policy used. If no pair does, the newest messages by stamp are used,
and the tick is counted as not matched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from der_ros.control.policy_inputs import InputFrames, PolicyInputs, PoseInput, WrenchInput
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.recorded_stream import Recorded, Tick, Window
from der_ros.offline_replay.what_if import WhatIf
from der_ros.policy.observation import wrench_at_held_piece

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
        self._tcp_from_sensor, self._frame = setup.tcp_from_sensor, setup.base_frame
        self._task_from_base = setup.base_from_task.inverse()

    def find(self, tick: Tick, window: Window) -> SeenInputs:
        """Return the pose and wrench of ``tick``."""
        seen = tick.observation
        in_task, felt = seen[:7].tolist(), seen[7:].tolist()
        for pose in _recent(window.poses, tick.at_ns) if np.isfinite(seen).all() else ():
            held = self._held(pose)
            if held is None or _rounded(held.to_sequence()) != in_task:
                continue
            for wrench in _recent(window.wrenches, tick.at_ns):
                if _rounded(self._felt(held, wrench)) == felt:
                    return SeenInputs(pose, wrench, True)
        pose_before = next(_recent(window.poses, tick.at_ns), None)
        return SeenInputs(pose_before, next(_recent(window.wrenches, tick.at_ns), None), False)

    def _held(self, pose: Recorded) -> Pose | None:
        """Return the pose of the TCP in the task frame; None if the policy cannot use it."""
        if pose.numbers.frame_id != self._frame:
            return None
        try:
            return self._task_from_base @ pose.pose()
        except ConfigurationError:
            return None

    def _felt(self, held: Pose, wrench: Recorded) -> list[float]:
        """Return a wrench as in an observation, (6,) N and Nm."""
        felt = wrench_at_held_piece(wrench.wrench(), held, self._tcp_from_sensor)
        return [*felt.force.tolist(), *felt.torque.tolist()]


def _rounded(numbers: Sequence[float]) -> list[float]:
    """Return numbers as an observation has them, in single precision."""
    rounded: list[float] = np.array(numbers, np.float32).tolist()
    return rounded


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
        came_s = _came_s(wrench, start_ns)
        inputs.wrench = WrenchInput(wrench.wrench(), wrench.numbers.stamp_ns, came_s)


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
