"""Replay of one attempt in bag time: observations, actions, twists and verdict against the record.

The policy's inputs are known bit for bit. The bridge's inputs and decision in each cycle are in
``kuka/cycle_inputs``: with this topic, the rebuilt twists are bit-identical on the recording
computer, and within ``DECIDED_TOLERANCE`` on another. Bags without it hold only the twist that the
driver sent: ``twist_guess`` finds inputs that explain it, and reports where they are undetermined.

Every replay is open loop: the recorded poses and wrenches continue unchanged, although other
commands would have moved the robot elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from der_ros.bags.bag_replay import DEFAULT_TOLERANCE, is_new_attempt
from der_ros.bags.reader import BagReader, reading
from der_ros.errors import BagError, ConfigurationError
from der_ros.geometry import Pose
from der_ros.offline_replay.attempt_setup import POSE_TOPIC, read_setup
from der_ros.offline_replay.changed_replay import ChangedReplay, RebuiltCycle
from der_ros.offline_replay.cycle_inputs import Choice, recorded_inputs
from der_ros.offline_replay.differences import Differences
from der_ros.offline_replay.motion_replay import Outside
from der_ros.offline_replay.plot.cycle_samples import (
    UNKNOWN_TWIST,
    CycleSample,
    CycleSampler,
    OnSample,
)
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, RecordedStream, Tick
from der_ros.offline_replay.replay_side import Scale, ScaledPolicy, Side
from der_ros.offline_replay.tick_replay import RECENT_NS, InputMatcher
from der_ros.offline_replay.twist_guess import TWIST_TOLERANCE, Guess, TwistGuess
from der_ros.offline_replay.what_if import WhatIf
from der_ros.policy.policy_view import Policy

if TYPE_CHECKING:
    from der_ros.offline_replay.wire.wire_source import WireSource

DECIDED_TOLERANCE = 1e-6
"""Tolerance of a decided twist, m/s and rad/s: rounding on another processor."""


class AttemptReplay:
    """Replays the attempt of an open bag.

    Args:
        reader: Open reader of the bag.
        policy: Policy that acted; None uses the recorded actions, those of a person for example.
        scale: Function from an action to a twist; None replays only the recorded commands, and
            rebuilds no observation.
        other: Policy and scale of the changed side; None uses the same policy.
        what_if: Changes to apply on the changed side.
        tolerance: Largest difference of an action component, in [-1, 1], that counts as the same.
        from_wire: True rebuilds poses and wrenches from the recorded telegrams, and the answers.
        on_sample: Plot callback, called per cycle with the cycle, the largest force since the
            previous cycle in N (NaN if the sensor is silent), and the samples of both sides.

    Attributes:
        setup: Setup of the attempt.
        stream: Ticks and cycles of the bag.
        observations: Rebuilt against recorded observations.
        actions: Actions of the rebuilt observations against the recorded ones.
        applied: Rebuilt against recorded twists, if the bag determines them.
        matched: Number of ticks whose inputs are known bit for bit.
        pauses: Times in which the recording was paused.
        unknown_ticks: Number of ticks just after a pause that are not compared, since their inputs
            came during it.
        ticks: Number of compared ticks.
        cycles: Number of cycles of the robot.
        start_ns: Bag time of the first event.
        end_ns: Bag time of the last event.
        what_if: Changes of the changed side.
        other: Policy and scale of the changed side; None uses the same policy.

    Raises:
        BagError: The bag lacks a topic or value that a replay needs.
        ConfigurationError: A changed limit is out of range.
    """

    def __init__(
        self,
        reader: BagReader,
        policy: Policy | None,
        scale: Scale | None,
        *,
        other: ScaledPolicy | None = None,
        what_if: WhatIf | None = None,
        tolerance: float = DEFAULT_TOLERANCE,
        from_wire: bool = False,
        on_sample: OnSample | None = None,
    ) -> None:
        self._path = reader.path
        self.setup = read_setup(reader)
        wire = _wire_of(reader) if from_wire else None
        setup = self.setup
        self.stream = RecordedStream(reader, setup.topics, setup.action_limits, wire)
        self.observations, self.actions = Differences(0.0), Differences(tolerance)
        exact = self.stream.has_records
        self.applied = Differences(DECIDED_TOLERANCE if exact else TWIST_TOLERANCE)
        self.matched = self.ticks = self.cycles = self.unknown_ticks = 0
        self.pauses = reader.pauses()
        self._coming_pauses, self._refilled_ns = deque(self.pauses), 0
        self.start_ns = self.end_ns = 0
        self.what_if = what_if or WhatIf()
        self._actor = None if scale is None else (policy, scale)
        self.other, self._tolerance = other, tolerance
        self._matcher = InputMatcher(self.setup)
        self._guess = TwistGuess(self.setup)
        self._passed_ns = self._ticked_ns = 0
        self._all_passed_to: Recorded | None = None  # newest command when all were passed on
        self._on_sample, self._sampler = on_sample, CycleSampler()
        self._made: tuple[Side, ChangedReplay | None] | None = None

    @property
    def begins_within(self) -> bool:
        """True if the bag lacks the beginning of the attempt, as one that was cut does."""
        result = self.setup.result
        return result is not None and result.began_ns < self.start_ns

    @property
    def recorded_side(self) -> Side:
        """The attempt as it was recorded."""
        return self._sides(0)[0]

    @property
    def changed(self) -> ChangedReplay | None:
        """Replay of the attempt with the changes applied; None without changes."""
        return self._sides(0)[1]

    @property
    def changed_side(self) -> Side | None:
        """The attempt with the changes applied; None without changes."""
        return None if self.changed is None else self.changed.side

    def run(self) -> None:
        """Replay the bag from its first to its last message.

        Raises:
            BagError: A message cannot be used.
            ConfigurationError: The sensor is to be lost after the end of the bag.
        """
        # Commands and wrenches may be absurdly large; the nodes' own checks judge them.
        with np.errstate(over="ignore", invalid="ignore"):
            self._replay()
        lost_s, lasts_s = self.what_if.lose_sensor_after_s, self._time_s(self.end_ns)
        if lost_s is not None and lost_s > lasts_s:
            raise ConfigurationError(
                f"loss of the sensor: expected a time within the bag, which lasts {lasts_s:.3f} s, "
                f"got {lost_s:g} s"
            )

    def _replay(self) -> None:
        for event in self.stream:
            self.start_ns = self.start_ns or event.at_ns
            self.end_ns = max(self.end_ns, event.at_ns)
            self._pass_pauses(event.at_ns)
            if isinstance(event, Tick):
                self._take(event)
            else:
                self._pass_commands(event.until_ns)
                self._cycle(event)
        result = self.setup.result
        for side in self._each_side():
            side.verdict.close(self.end_ns if result is None else result.ended_ns)

    def _sides(self, start_ns: int) -> tuple[Side, ChangedReplay | None]:
        if self._made is None:
            setup, has_records = self.setup, self.stream.has_records
            recorded, changed = Side(setup, self._actor, WhatIf(), start_ns), None
            if self.other is not None or self.what_if.is_change:
                side = Side(setup, self.other or self._actor, self.what_if, start_ns)
                changed = ChangedReplay(side, setup.cycle_s, has_records, self._tolerance)
            self._made = recorded, changed
        return self._made

    def _each_side(self) -> Iterator[Side]:
        recorded, changed = self._sides(self.start_ns)
        yield recorded
        if changed is not None:
            yield changed.side

    def _pass_pauses(self, now_ns: int) -> None:
        """Take the inputs as fresh if ``now_ns`` is after another pause of the recording."""
        while self._coming_pauses and self._coming_pauses[0].begin_ns < now_ns:
            pause = self._coming_pauses.popleft()
            self._refilled_ns = pause.end_ns + RECENT_NS
            for side in self._each_side():
                side.verdict.resume(max(now_ns, pause.end_ns))

    def _pass_commands(self, until_ns: int) -> None:
        """Pass on commands that no tick produced, such as those before the first tick."""
        commands = self.stream.window.commands
        if not commands or commands[-1] is self._all_passed_to:
            return
        waits = False
        for command in commands:
            stamp_ns = command.numbers.stamp_ns
            if self._passed_ns < stamp_ns <= until_ns:
                self._passed_ns = stamp_ns
                for side in self._each_side():
                    side.pass_on(command)
            waits = waits or stamp_ns > until_ns
        self._all_passed_to = None if waits else commands[-1]

    def _take(self, tick: Tick) -> None:
        """Act for one tick; without an actor, pass on the recorded command."""
        if self._actor is None:
            self._pass_commands(tick.at_ns)
            return
        self._pass_commands(tick.at_ns - 1)
        self._passed_ns = tick.at_ns
        self._tick(tick)

    def _tick(self, tick: Tick) -> None:
        before_ns, self._ticked_ns = self._ticked_ns, tick.at_ns
        if before_ns and is_new_attempt(before_ns, tick.at_ns, self.pauses):
            for side in self._each_side():
                side.begin_attempt()
        seen = self._matcher.find(tick, self.stream.window)
        if not seen.matched and tick.at_ns <= self._refilled_ns:
            self._take_unknown(tick)
            return
        self.ticks += 1
        self.matched += seen.matched
        time_s = self._time_s(tick.at_ns)
        recorded, changed = self._sides(self.start_ns)
        observation, action = recorded.tick(tick, seen)
        if observation is not None and action is not None:
            self.observations.add(time_s, tick.observation.tolist(), observation.tolist())
            if action is not tick.action:  # recorded actions have nothing to be compared with
                self.actions.add(time_s, tick.action.tolist(), action.tolist())
        if changed is not None:
            changed.tick(tick, seen, self.stream.window, time_s)

    def _take_unknown(self, tick: Tick) -> None:
        """Pass on the recorded command of a tick whose inputs came during a pause."""
        self.unknown_ticks += 1
        for side in self._each_side():
            if tick.command is not None:
                side.pass_on(tick.command)

    def _cycle(self, cycle: Cycle) -> None:
        try:
            pose = cycle.pose.pose()
        except ConfigurationError as error:
            raise BagError(f"bag {self._path}: {POSE_TOPIC}: {error}") from error
        self.cycles += 1
        recorded, changed = self._sides(self.start_ns)
        window, time_s = self.stream.window, self._time_s(cycle.at_ns)
        outside = None if cycle.record is None else recorded.motion.outside(cycle.record)
        guess = self._rebuild(recorded, cycle, pose, outside)
        self._compare(recorded, cycle, guess, time_s)
        heard = guess.choice.wrench or (window.wrenches[-1] if window.wrenches else None)
        recorded.verdict.judge_cycle(cycle, pose, recorded.motion.fault, heard)
        other = None
        if changed is not None:
            rebuilt = RebuiltCycle(cycle, time_s, pose, outside, guess, heard)
            other = CycleSample(time_s, changed.cycle(rebuilt, window, recorded))
        if self._on_sample is not None:
            sample = self._sampler.sample(recorded, cycle, guess.choice, time_s, guess.twist)
            self._on_sample(cycle, self._sampler.force_n(window, cycle), sample, other)

    def _compare(self, side: Side, cycle: Cycle, guess: Guess, time_s: float) -> None:
        """Compare a rebuilt twist with the recorded one, and with the answer on the wire."""
        if guess.is_determined:
            recorded = cycle.applied if cycle.record is None else cycle.record.twist
            self.applied.add(time_s, recorded, guess.twist)
        else:
            self.applied.set_aside()
        if self.stream.wire is not None:
            sent = side.motion.in_base(guess.twist) if guess.is_determined else None
            cycle_s = self.setup.cycle_s
            self.stream.wire.answered(cycle.pose.numbers.stamp_ns, time_s, sent, cycle_s)

    def _rebuild(self, side: Side, cycle: Cycle, pose: Pose, outside: Outside | None) -> Guess:
        """Return the rebuilt twist of a cycle on the recorded side."""
        window, record = self.stream.window, cycle.record
        if not self.stream.has_records:
            return self._guess.find(side, window, cycle, pose)
        if record is None or outside is None:
            return Guess(Choice(None, None), UNKNOWN_TWIST, False)
        motion = side.motion
        choice, known = recorded_inputs(side.commands, window, record, side.config)
        known = known and motion.follows(record)
        twist = motion.follow(record, outside, pose, *choice)
        if not known:
            motion.resume_from(record.twist)
        return Guess(choice, twist, known)

    def _time_s(self, at_ns: int) -> float:
        return 1e-9 * (at_ns - self.start_ns)


def _wire_of(reader: BagReader) -> WireSource:
    # Imported here: few replays need the drivers, which take a tenth of the time of a small bag.
    from der_ros.offline_replay.wire.wire_source import WireSource

    return WireSource(reader)


def replay_bag(
    bag: Path | str | BagReader,
    policy: Policy | None,
    scale: Scale | None,
    *,
    other: ScaledPolicy | None = None,
    what_if: WhatIf | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    from_wire: bool = False,
    on_sample: OnSample | None = None,
) -> AttemptReplay:
    """Replay a bag to its end; for the arguments, see ``AttemptReplay``.

    Raises:
        BagError: The bag cannot be read, or lacks a topic or value that a replay needs.
        ConfigurationError: A changed limit is out of range, or the sensor is to be lost after the
            end of the bag.
    """
    with reading(bag) as reader:
        replay = AttemptReplay(
            reader,
            policy,
            scale,
            other=other,
            what_if=what_if,
            tolerance=tolerance,
            from_wire=from_wire,
            on_sample=on_sample,
        )
        replay.run()
    return replay
