"""One side of a replay: the attempt as recorded, or with changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.policy_inputs import PolicyInputs, UnusableInputError
from der_ros.control.sensor.wrench_filter import WrenchFilter
from der_ros.geometry import Array, Twist
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.offline_replay.motion_replay import MotionReplay, RecordedCommand
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Tick, Window
from der_ros.offline_replay.tick_replay import SeenInputs, fill, replayed_inputs
from der_ros.offline_replay.verdict_replay import VerdictReplay
from der_ros.offline_replay.what_if import WhatIf
from der_ros.policy.policy_view import Policy, for_attempt

Scale: TypeAlias = Callable[[NDArray[np.float32]], Array]
ScaledPolicy: TypeAlias = tuple[Policy | None, Scale]
"""A policy, and the function from its action to a twist; without a policy, recorded actions."""
_KEPT_COMMANDS, _KEPT_WRENCHES = 64, 1000


def _rate_hz(window: Window) -> float:
    """Return the usual rate of the wrenches, Hz; 0 if there is only one."""
    stamps = [each.numbers.stamp_ns for each in window.wrenches]
    steps = [after - before for before, after in pairwise(stamps) if after > before]
    return 1e9 / median(steps) if steps else 0.0


class Side:
    """One side of a replay: the attempt as recorded, or with changes.

    Args:
        setup: Setup of the attempt.
        actor: Policy and scale; None moves the robot only by the recorded commands, and rebuilds
            no observation.
        what_if: Changes of this side.
        start_ns: Bag time of 0 s.

    Attributes:
        what_if: Changes of this side.
        config: Configuration of the bridge's motion.
        motion: Motion core of the bridge.
        verdict: Verdict on the attempt.
        skipped: Number of ticks without an observation, by reason.
        commands: Recent commands to the bridge, newest first.
    """

    def __init__(
        self,
        setup: AttemptSetup,
        actor: ScaledPolicy | None,
        what_if: WhatIf,
        start_ns: int,
    ) -> None:
        self.what_if, self._start_ns = what_if, start_ns
        self._given, self._setup = actor, setup
        self.begin_attempt()
        self.config = what_if.motion(setup)
        self.motion = MotionReplay(self.config, start_ns)
        reported, stopped = ((), "") if what_if.is_change else (setup.reported, setup.stopped)
        limits = what_if.stall(), what_if.home()
        self.verdict = VerdictReplay(setup, *limits, start_ns, reported, stopped)
        self.skipped: dict[str, int] = {}
        self._filter: WrenchFilter | None = None
        self._filtered: deque[tuple[int, Recorded]] = deque(maxlen=_KEPT_WRENCHES)
        self.commands: deque[RecordedCommand] = deque(maxlen=_KEPT_COMMANDS)

    def begin_attempt(self) -> None:
        """Let the policy forget earlier observations, as its activation does."""
        self._actor = self._given
        policy, scale = self._given or (None, None)
        if policy is not None and scale is not None:
            self._actor = for_attempt(policy, self._setup.action_repeat), scale

    @cached_property
    def _inputs(self) -> PolicyInputs:
        return replayed_inputs(self._setup, self.what_if)

    def tick(
        self, tick: Tick, seen: SeenInputs
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Act once; return observation (13,) and action (6,), or None for both."""
        if self._actor is None:
            return None, None
        observation = seen.observation
        if observation is None or self.what_if.is_change:
            observation = self._observe(tick, seen)
        if observation is None:
            return None, None
        policy, scale = self._actor
        action = tick.action if policy is None else policy(observation)
        frame_id = TASK_FRAME if tick.command is None else tick.command.numbers.frame_id
        self._send(tick.at_ns, frame_id, Twist.from_array(scale(action)))
        return observation, action

    def _observe(self, tick: Tick, seen: SeenInputs) -> NDArray[np.float32] | None:
        """Return the observation of this side; None, and counted, if an input is not usable."""
        has_sensor = not self.is_lost(seen.wrench)
        fill(self._inputs, seen.pose, seen.wrench if has_sensor else None, self._start_ns)
        if seen.observation is not None and has_sensor and not self.what_if.changes_inputs:
            return seen.observation
        try:
            return self._inputs.observe(1e-9 * (tick.at_ns - self._start_ns))
        except UnusableInputError as error:
            self.skipped[error.kind] = self.skipped.get(error.kind, 0) + 1
            return None

    def pass_on(self, command: Recorded) -> None:
        """Send a recorded command that does not come from the policy."""
        numbers = command.numbers
        self._send(numbers.stamp_ns, numbers.frame_id, Twist.from_array(np.array(numbers.values)))

    def _send(self, at_ns: int, frame_id: str, twist: Twist) -> None:
        arrives_ns = at_ns + int(1e9 * self.what_if.latency_s)
        self.commands.appendleft(RecordedCommand(at_ns, arrives_ns, frame_id, twist))
        self.verdict.hear_command(arrives_ns, twist)

    def felt(self, wrench: Recorded | None, window: Window) -> Recorded | None:
        """Return a recorded wrench as the filter of the what-if gives it; unchanged without one.

        Args:
            wrench: Recorded wrench, or None.
            window: Recorded messages of about the same time.

        Raises:
            ConfigurationError: The cut-off is too high for the rate of the wrenches.
        """
        cutoff_hz = self.what_if.filter_cutoff_hz()
        if wrench is None or cutoff_hz == 0.0:
            return wrench
        if self._filter is None:
            self._filter = WrenchFilter(cutoff_hz, _rate_hz(window))
        newest_ns = self._filtered[-1][0] if self._filtered else 0
        for each in window.wrenches:
            numbers = each.numbers
            if numbers.stamp_ns > newest_ns:
                values = self._filter.update(numbers.values)
                filtered = each._replace(numbers=numbers._replace(values=values))
                self._filtered.append((numbers.stamp_ns, filtered))
        at_ns = wrench.numbers.stamp_ns
        return next((each for stamp_ns, each in self._filtered if stamp_ns == at_ns), wrench)

    def is_lost(self, wrench: Recorded | None) -> bool:
        """Return True if ``wrench`` was measured after the simulated loss of the sensor."""
        after_s = self.what_if.lose_sensor_after_s
        if wrench is None or after_s is None:
            return False
        return 1e-9 * (wrench.numbers.stamp_ns - self._start_ns) > after_s

    def command_like(self, other: RecordedCommand | None, cycle: Cycle) -> RecordedCommand | None:
        """Return this side's counterpart of ``other``, a cycle's command on the recorded side.

        Without ``other``, a recorded cycle had no command of the bag.
        """
        if other is None and cycle.record is not None:
            return None
        until_ns = cycle.at_ns if other is None else max(cycle.at_ns, other.arrives_ns)
        if other is not None and not self.what_if.latency_s:
            until_ns = other.sent_ns
        return next((each for each in self.commands if each.arrives_ns <= until_ns), None)
