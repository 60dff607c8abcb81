"""Takeover: a person drives some steps of a worker's episodes in the policy's place.

The idea is HIL-SERL's (Luo et al. 2024): a policy learns much from the moments in which a person
corrects it. While the person drives, the worker's steps take as long as on the robot.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from der_ros.geometry import Pose
from der_ros.replay.array_types import Float32Array
from der_ros.training.environment.wrappers import Environment

TAUGHT_WORKER = 0
"""Number of the worker whose episodes a person may take over."""
PICTURE_WIDTH, PICTURE_HEIGHT = 240, 180
"""Size of the pictures that the person sees; larger ones take longer than a step."""


class TaughtView(NamedTuple):
    """Display data for the person: the state of the taught worker's environment after a step."""

    picture: NDArray[np.uint8]  # (PICTURE_HEIGHT, PICTURE_WIDTH, 3) RGB
    episode: int  # number of the worker's episode, from 1
    time_s: float  # simulated time since the episode began
    distance_m: float  # from the goal
    angle_rad: float  # from the goal
    wrench: Float32Array  # (6,) N and Nm, task axes about the tcp, as observed
    piece: Pose  # of the held piece, task frame
    goal: Pose  # true goal of the held piece, task frame; of a symmetric piece, the nearest one


class Pilot(Protocol):
    """Interface through which a rollout worker gets a person's commands.

    The object is passed to the worker's process at its start.
    """

    def action(self) -> Float32Array | None:
        """Return the person's current action, (6,) in [-1, 1]; None to let the policy act."""
        ...

    def note_driven(self) -> None:
        """Record that the worker uses the person's action for its next step."""
        ...

    def wants_picture(self, driving: bool) -> bool:
        """Return True if a new picture is wanted now.

        Args:
            driving: True while the person drives.
        """
        ...

    def show(self, view: TaughtView) -> None:
        """Show a view of the environment to the person."""
        ...


class Takeover:
    """Takeovers of one worker's episodes by a person.

    A takeover ends when the person releases the control, and at the end of its episode. The next
    episode belongs to the policy until the person has released the control and takes over again.

    Args:
        pilot: Interface to the person; None for no person.
        environment: Environment of the worker; one of this package if there is a pilot.
    """

    def __init__(self, pilot: Pilot | None, environment: Environment) -> None:
        self._pilot, self._environment = pilot, environment
        self._due_s: float | None = None  # end of the driven step; None while the policy acts
        self._outlived = False  # the person still drives although the episode has ended
        self._steps = self._takeovers = self._episode = 0

    def start_episode(self) -> None:
        """Start an episode under the policy's control."""
        self._outlived = self._outlived or self._due_s is not None
        self._episode += 1

    def action(self) -> Float32Array | None:
        """Return the person's action for the next step; None if the policy acts.

        After a step that the person drove, first wait until its control period is over.
        """
        if self._pilot is None:
            return None
        if self._due_s is not None:
            time.sleep(max(0.0, self._due_s - time.monotonic()))
        action = self._pilot.action()
        self._outlived = self._outlived and action is not None
        if action is None or self._outlived:
            self._due_s = None
            return None
        self._pilot.note_driven()
        self._takeovers += self._due_s is None
        self._steps += 1
        self._due_s = time.monotonic() + self._period_s
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def show(self, info: Mapping[str, Any]) -> None:
        """Show the environment after a step, if the pilot wants a picture.

        Args:
            info: Info of the step, from an environment of this package.
        """
        if self._pilot is None or not self._pilot.wants_picture(self._due_s is not None):
            return
        world: Any = self._environment.unwrapped
        picture = world.picture(PICTURE_WIDTH, PICTURE_HEIGHT)
        wrench = np.asarray(info["wrench"], np.float32)
        place = float(info["distance_m"]), float(info["angle_rad"])
        poses = world.piece_poses()
        view = TaughtView(picture, self._episode, info["duration_s"], *place, wrench, *poses)
        self._pilot.show(view)

    def take_counts(self) -> tuple[int, int]:
        """Return the numbers of driven steps and of takeovers since the last call."""
        counts = self._steps, self._takeovers
        self._steps = self._takeovers = 0
        return counts

    @property
    def _period_s(self) -> float:
        """Duration of a step on the robot, s."""
        return float(self._environment.unwrapped.step_s)  # type: ignore[attr-defined]
