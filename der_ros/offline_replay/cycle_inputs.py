"""Command and wrench of a bridge cycle: as its record names them, or all likely candidates.

Without a record, a cycle ran at some time between the stamp of its pose and the arrival of that
pose at the recorder. A message sent shortly before the stamp may have arrived too late for it; a
message sent after the stamp may have arrived in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from der_ros.control.cycle_record import NO_STAMP_NS, CycleRecord
from der_ros.control.motion_config import MotionConfig
from der_ros.geometry import Twist
from der_ros.offline_replay.motion_replay import RecordedCommand
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Window
from der_ros.policy.governor import GovernorLimits

_ON_ITS_WAY_NS = 10_000_000
_MOST_DOUBTFUL = 2
# Longest transport time of a message on a computer that stalls now and then.
_LONG_WAY_NS = 100_000_000
_MOST_POSSIBLE = 4
_T = TypeVar("_T")


class Choice(NamedTuple):
    """Command and wrench that the bridge used in one cycle; None if it had none."""

    command: RecordedCommand | None
    wrench: Recorded | None


def recorded_inputs(
    commands: Iterable[RecordedCommand], window: Window, record: CycleRecord, config: MotionConfig
) -> tuple[Choice, bool]:
    """Return the inputs that a record names, and True if all that affect the twist are in the bag.

    Args:
        commands: Commands, newest first.
        window: Recorded messages of about the same time.
        record: Record of the cycle.
        config: Configuration of the bridge; messages older than its timeouts have no effect.
    """
    command_ns, wrench_ns = record.command_ns, record.wrench_ns
    command = wrench = None
    for sent in commands:
        if sent.sent_ns == command_ns:
            command = sent
            break
    else:
        command = next(_as_recorded(window, command_ns), None)
    for felt in reversed(window.wrenches):
        if felt.numbers.stamp_ns == wrench_ns:
            wrench = felt
            break
    fresh_s = config.command_timeout_s + record.command_since_s
    known = command is not None or _is_needless(record.command_ns, fresh_s, record)
    fresh_s = config.wrench_timeout_s + record.wrench_since_s
    known &= wrench is not None or _is_needless(record.wrench_ns, fresh_s, record)
    return Choice(command, wrench), known


def _is_needless(stamp_ns: int, fresh_until_s: float, record: CycleRecord) -> bool:
    return stamp_ns == NO_STAMP_NS or record.decided_s > fresh_until_s


def _as_recorded(window: Window, stamp_ns: int) -> Iterator[RecordedCommand]:
    """Yield the recorded command with this stamp, for which there is no rebuilt command."""
    for each in reversed(window.commands):
        if each.numbers.stamp_ns == stamp_ns:
            twist = Twist.from_array(np.array(each.numbers.values))
            yield RecordedCommand(stamp_ns, stamp_ns, each.numbers.frame_id, twist)


def _on_their_way(
    newest_first: Iterable[_T], cycle: Cycle, sent_ns: Callable[[_T], int], late_ns: int
) -> list[_T | None]:
    """Return the messages that may have been a cycle's newest, likeliest first.

    Args:
        newest_first: Messages, newest first.
        cycle: Cycle that used one of them.
        sent_ns: Returns the time at which a message was sent.
        late_ns: Longest transport time; 0 returns only the newest message before the cycle.
    """
    after: list[_T | None] = []
    before: list[_T | None] = []
    for each in newest_first:
        at_ns = sent_ns(each)
        if at_ns > cycle.at_ns:
            if late_ns and at_ns <= cycle.until_ns:
                after.append(each)
            continue
        before.append(each)
        if at_ns <= cycle.at_ns - late_ns or len(before) > _MOST_DOUBTFUL:
            break
    else:
        before.append(None)
    return [before[0], *reversed(after[-_MOST_DOUBTFUL:]), *before[1:]]


def likely_inputs(
    commands: Iterable[RecordedCommand], window: Window, cycle: Cycle, limits: GovernorLimits
) -> list[Choice]:
    """Return likely inputs of a cycle, likeliest first.

    Args:
        commands: Commands, newest first.
        window: Recorded messages of about the same time.
        cycle: Cycle that used one command and one wrench.
        limits: Limits of the governor; a wrench far below the soft ones has no effect.
    """
    wrenches = window.wrenches
    newest = wrenches[-1] if wrenches else None
    pushes = newest is not None and _pushes(newest, limits.soft_force_n, limits.soft_torque_nm)
    felt = _on_their_way(reversed(wrenches), cycle, _stamp_ns, _ON_ITS_WAY_NS if pushes else 0)
    sent = _on_their_way(commands, cycle, _arrives_ns, _ON_ITS_WAY_NS)
    return [Choice(command, wrench) for command in sent for wrench in felt]


def possible_inputs(
    commands: Iterable[RecordedCommand], window: Window, cycle: Cycle
) -> list[Choice]:
    """Return all possible inputs of a cycle on a computer that stalls now and then."""
    sent = _within(commands, _arrives_ns, cycle)
    felt = _within(reversed(window.wrenches), _stamp_ns, cycle)
    return [Choice(command, wrench) for command in sent for wrench in felt]


def _within(
    newest_first: Iterable[_T], sent_ns: Callable[[_T], int], cycle: Cycle
) -> list[_T | None]:
    """Return a few candidates spread over the transport window, newest first; [None] if none."""
    found: list[_T | None] = []
    for each in newest_first:
        if sent_ns(each) > cycle.until_ns:
            continue
        found.append(each)
        if sent_ns(each) < cycle.at_ns - _LONG_WAY_NS:
            break
    return found[:: max(1, len(found) // _MOST_POSSIBLE)] or [None]


def _arrives_ns(command: RecordedCommand) -> int:
    return command.arrives_ns


def _stamp_ns(wrench: Recorded) -> int:
    return wrench.numbers.stamp_ns


def _pushes(wrench: Recorded, force_n: float, torque_nm: float) -> bool:
    """Return True if a reading exceeds half a soft limit, so that it may change the twist."""
    fx, fy, fz, tx, ty, tz = wrench.numbers.values
    lever = 0.5 * force_n
    return (
        fx * fx + fy * fy + fz * fz > lever * lever
        or tx * tx + ty * ty + tz * tz > 0.25 * torque_nm * torque_nm
    )
