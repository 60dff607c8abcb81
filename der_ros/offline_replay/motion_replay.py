"""Replays the bridge's motion core, cycle by cycle, in bag time."""

from __future__ import annotations

from typing import NamedTuple

from der_ros.control.bridge_motion import BridgeMotion
from der_ros.control.command_gate import twin_of
from der_ros.control.cycle_record import NO_STAMP_NS, CycleRecord, CycleState
from der_ros.control.motion_config import MotionConfig
from der_ros.geometry import Array, Pose, Twist
from der_ros.offline_replay.recorded_stream import Cycle, Recorded
from der_ros.rotation import Six, conjugate, rotate_both

HELD_FROM_OUTSIDE = "held by a fault whose cause is not in the bag"
"""Fault that stands for a stop by service, driver or node watchdog, which bags do not hold."""


class RecordedCommand(NamedTuple):
    """Twist command with its times of sending and arrival.

    Attributes:
        sent_ns: Stamp of its header, ns since the epoch.
        arrives_ns: Earliest time at which the bridge has it, ns since the epoch.
        frame_id: Frame of the twist's axes.
        twist: Twist of the TCP.
    """

    sent_ns: int
    arrives_ns: int
    frame_id: str
    twist: Twist


class Outside(NamedTuple):
    """Events before a cycle that its inputs do not explain.

    Attributes:
        held: A fault was latched.
        reset: A fault was cleared.
        stood: The robot had stood still, so the governor began at rest.
        ending: The node was shutting down.
    """

    held: bool
    reset: bool
    stood: bool
    ending: bool


_NOTHING = Outside(False, False, False, False)


class MeasuredCycle(NamedTuple):
    """``MeasuredRobot`` from a bag; see there for the attributes."""

    tcp_pose: Pose
    cycle_s: float
    stamp_monotonic_s: float
    joint_positions_rad: Array | None = None
    delay: int = 0
    session: int = 1
    rested: bool = False

    @property
    def began_monotonic_s(self) -> float:
        """Start of the cycle, bag time, s."""
        return self.stamp_monotonic_s


class _BagClock:
    """Clock of the replayed bridge, set from bag time; each branch of the replay has its own."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class MotionReplay:
    """Feeds recorded commands and wrenches to ``BridgeMotion`` and returns the applied twists.

    Args:
        config: Configuration of the bridge.
        start_ns: Bag time of 0 s.
    """

    def __init__(self, config: MotionConfig, start_ns: int) -> None:
        self._start_ns, self._clock = start_ns, _BagClock()
        self._motion = BridgeMotion(config, self._clock)
        _, self._from_task = config.base_from_task.to_numbers()
        self._to_task = conjugate(self._from_task)
        self._command: RecordedCommand | None = None
        self._wrench: Recorded | None = None
        self._number, self._began_s = 0, 0.0

    @property
    def fault(self) -> str | None:
        """Latched fault; None if there is none."""
        return self._motion.fault

    def in_base(self, twist: tuple[float, ...]) -> tuple[float, ...]:
        """Return a twist in task axes, (6,) m/s and rad/s, in the axes of the base."""
        x, y, z, a, b, c = twist
        return rotate_both(self._from_task, (x, y, z, a, b, c))

    @property
    def interventions(self) -> dict[str, int]:
        """Number of cycles in which the governor intervened, by reason."""
        return self._motion.counts.interventions

    @property
    def refused(self) -> dict[str, int]:
        """Number of refused commands, by reason."""
        return self._motion.counts.refused

    def step(
        self,
        cycle: Cycle,
        pose: Pose,
        cycle_s: float,
        command: RecordedCommand | None,
        wrench: Recorded | None,
    ) -> tuple[float, ...]:
        """Run one cycle and return its twist, (6,) m/s and rad/s, task axes.

        Args:
            cycle: Cycle of the robot.
            pose: Pose of the TCP in the base.
            cycle_s: Time until the next cycle, s.
            command: Newest command of the bridge, or None.
            wrench: Newest wrench of the bridge, or None.
        """
        now_s = self._clock.now_s = 1e-9 * (cycle.at_ns - self._start_ns)
        if command is not None and command is not self._command:
            self._command = command
            age_s = max(0.0, 1e-9 * (cycle.at_ns - command.sent_ns))
            self._motion.accept_command(command.twist, command.frame_id, age_s)
        if wrench is not None:
            age_s = max(0.0, 1e-9 * (cycle.at_ns - wrench.numbers.stamp_ns))
            self._motion.accept_numbers(_six(wrench), age_s)
        twist = self._motion.decide(MeasuredCycle(pose, cycle_s, now_s))
        # The driver gets the twist in base axes, which rounds it.
        return rotate_both(self._to_task, rotate_both(self._from_task, twist))

    def outside(self, record: CycleRecord) -> Outside:
        """Return the events before a recorded cycle that differ from this replay's state."""
        fault = self._motion.fault
        if not record.state and fault is None:  # the usual case
            return _NOTHING
        held = record.is_in(CycleState.HELD)
        return Outside(
            held and fault is None,
            not held and fault is not None,
            record.is_in(CycleState.FROM_REST) and self._motion.moving,
            record.is_in(CycleState.ENDING),
        )

    def follow(
        self,
        record: CycleRecord,
        outside: Outside,
        pose: Pose,
        command: RecordedCommand | None,
        wrench: Recorded | None,
    ) -> Six:
        """Run one recorded cycle and return its twist, (6,) m/s and rad/s, task axes.

        Args:
            record: Record of the cycle.
            outside: Events before it that its inputs do not explain.
            pose: Pose of the TCP in the base.
            command: Newest command of the bridge, or None.
            wrench: Newest wrench of the bridge, or None.
        """
        self._apply_outside(outside)
        self._take_messages(record, command, wrench)
        self._clock.now_s = record.decided_s
        self._began_s += record.cycle_s
        self._number = record.number
        return self._motion.decide(MeasuredCycle(pose, record.cycle_s, self._began_s, session=0))

    def follows(self, record: CycleRecord) -> bool:
        """Return True if the governor's state before a recorded cycle is known."""
        return record.number == self._number + 1 or record.is_in(CycleState.FROM_REST)

    def resumed(self, twist: tuple[float, ...]) -> MotionReplay:
        """Return a copy that continues from a recorded twist, (6,) task axes."""
        twin = self.branch()
        vx, vy, vz, wx, wy, wz = twist
        twin._motion.resume_from((vx, vy, vz, wx, wy, wz))
        return twin

    def resume_from(self, twist: Six) -> None:
        """Continue from the recorded twist, (6,) task axes, if the rebuilt one is unknown."""
        self._motion.resume_from(twist)

    def _apply_outside(self, outside: Outside) -> None:
        if outside is _NOTHING:
            return
        if outside.reset:
            self._motion.reset()
        if outside.held:
            self._motion.latch(HELD_FROM_OUTSIDE)
        if outside.stood:
            self._motion.restart_from_rest()
        if outside.ending:
            self._motion.end()

    def _take_messages(
        self, record: CycleRecord, command: RecordedCommand | None, wrench: Recorded | None
    ) -> None:
        """Give the bridge its newest messages, with the ages they had on arrival."""
        if record.command_ns == NO_STAMP_NS:
            self._motion.forget_command()
            self._command = None
        elif command is not None and command is not self._command:
            self._command = command
            late_s = 1e-9 * (command.arrives_ns - record.command_ns)
            self._clock.now_s = record.command_since_s + late_s
            age_s = 1e-9 * (command.arrives_ns - command.sent_ns)
            self._motion.accept_command(command.twist, command.frame_id, age_s)
        if wrench is not None and wrench is not self._wrench:
            self._wrench = wrench
            self._clock.now_s = record.wrench_since_s
            age_s = 1e-9 * (record.wrench_ns - wrench.numbers.stamp_ns)
            self._motion.accept_numbers(_six(wrench), age_s)

    def branch(self) -> MotionReplay:
        """Return an independent copy of the current state."""
        twin = twin_of(self)
        twin._motion = self._motion.branch()
        return twin


def _six(wrench: Recorded) -> Six:
    """Return the numbers of a recorded wrench, (6,) N and Nm."""
    fx, fy, fz, tx, ty, tz = wrench.numbers.values
    return (fx, fy, fz, tx, ty, tz)


class NewInterventions:
    """Kinds of intervention of one side, cycle by cycle."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def take(self, motion: MotionReplay) -> frozenset[str]:
        """Return the kinds that ``motion`` has counted since the previous call."""
        counts, before = motion.interventions, self._counts
        self._counts = counts
        return frozenset(kind for kind, count in counts.items() if count > before.get(kind, 0))
