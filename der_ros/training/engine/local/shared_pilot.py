"""Shared memory of a node and the worker that a person drives: commands and views."""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from der_ros.geometry import Pose
from der_ros.replay.array_types import Float32Array
from der_ros.training.engine.local.shared_memory import SharedNumbers
from der_ros.training.rollout.takeover import PICTURE_HEIGHT, PICTURE_WIDTH, TaughtView

_ACTION_SIZE, _WRENCH_SIZE, _POSE_SIZE = 6, 6, 7
_FIGURES = 4  # of a view: episode, time, distance, angle
_PIXELS = PICTURE_HEIGHT * PICTURE_WIDTH * 3
# Period of pictures while the person drives, and while the policy acts.
_DRIVEN_PICTURE_S, _POLICY_PICTURE_S = 0.15, 0.5


class SharedCommand(SharedNumbers):
    """Person's command with an expiry time, so that it ends if its writer hangs or dies.

    ``time.monotonic`` is the same clock in all processes of a computer.
    """

    def __init__(self, context: SpawnContext) -> None:
        """Allocate the memory, without a command."""
        super().__init__(context, _ACTION_SIZE)

    def write(self, action: Float32Array, until_s: float) -> None:
        """Write an action, (6,) in [-1, 1], valid until ``until_s`` of ``time.monotonic``."""
        self._put(action.astype(np.float32), int(until_s * 1e9))

    def read(self) -> Float32Array | None:
        """Return the valid action, (6,), or None."""
        read = self._get()
        if read is None:
            return None
        action, until_ns = read
        return action if time.monotonic_ns() < until_ns else None


class SharedView(SharedNumbers):
    """Newest view of the taught worker, in memory that its process and the node share."""

    def __init__(self, context: SpawnContext) -> None:
        """Allocate the memory, without a view."""
        super().__init__(context, _PIXELS + _FIGURES + _WRENCH_SIZE + 2 * _POSE_SIZE)

    def write(self, view: TaughtView) -> None:
        """Write ``view`` in place of the previous one."""
        figures = (view.episode, view.time_s, view.distance_m, view.angle_rad)
        poses = view.piece.to_sequence(), view.goal.to_sequence()
        joined = np.concatenate([view.picture.ravel(), figures, view.wrench, *poses])
        self._put(joined.astype(np.float32), time.monotonic_ns())

    def read(self) -> TaughtView | None:
        """Return a consistent copy; None before the first write."""
        read = self._get()
        if read is None:
            return None
        sizes = (_PIXELS, _FIGURES, _WRENCH_SIZE, _POSE_SIZE)
        pixels, figures, wrench, piece, goal = np.split(read[0], np.cumsum(sizes))
        picture = pixels.astype(np.uint8).reshape(PICTURE_HEIGHT, PICTURE_WIDTH, 3)
        episode, time_s, distance_m, angle_rad = figures.tolist()
        poses = Pose.from_sequence(piece), Pose.from_sequence(goal)
        return TaughtView(picture, int(episode), time_s, distance_m, angle_rad, wrench, *poses)


class SharedPilot:
    """``Pilot`` in shared memory, between the worker's process and the node of the person.

    Pass it to the worker's process. The node uses ``give``, ``release``, ``watch`` and ``view``.
    """

    def __init__(self) -> None:
        """Allocate the memory, without a command or a viewer."""
        context = multiprocessing.get_context("spawn")
        self._command, self._view = SharedCommand(context), SharedView(context)
        self._driven_ns: Any = context.RawArray(ctypes.c_int64, 1)  # time of the last driven step
        self._watched: Any = context.RawArray(ctypes.c_int64, 1)  # 1 while pictures are wanted
        self._shown_s = 0.0
        self._seen = 0

    def give(self, action: Float32Array, until_s: float) -> None:
        """Let the person drive with ``action`` until ``until_s``.

        Args:
            action: Person's action, (6,) in [-1, 1].
            until_s: Time at which the policy acts again, s, ``time.monotonic``.
        """
        self._command.write(action, until_s)

    def release(self) -> None:
        """Return control to the policy at once."""
        self._command.write(np.zeros(_ACTION_SIZE, np.float32), 0.0)

    def watch(self, watched: bool) -> None:
        """Switch the worker's pictures on or off."""
        self._watched[0] = int(watched)

    def view(self) -> TaughtView | None:
        """Return the newest view; None if there is no new one since the last call."""
        version = self._view.version
        if version == self._seen:
            return None
        self._seen = version
        return self._view.read()

    @property
    def driven_s(self) -> float:
        """Time of the last step that the person drove, ``time.monotonic``; 0 before the first."""
        return float(self._driven_ns[0]) * 1e-9

    def action(self) -> Float32Array | None:
        """Return the person's current action, (6,); None to let the policy act."""
        return self._command.read()

    def note_driven(self) -> None:
        """Record the time at which the worker uses the person's action."""
        self._driven_ns[0] = time.monotonic_ns()

    def wants_picture(self, driving: bool) -> bool:
        """Return True if pictures are wanted and the last one is at least one period old."""
        period_s = _DRIVEN_PICTURE_S if driving else _POLICY_PICTURE_S
        return bool(self._watched[0]) and time.monotonic() - self._shown_s >= period_s

    def show(self, view: TaughtView) -> None:
        """Pass the view on to the person."""
        self._shown_s = time.monotonic()
        self._view.write(view)
