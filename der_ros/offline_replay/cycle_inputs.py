"""Inputs that the bridge may have had in a cycle: what was on its way to it.

A cycle ran between the stamp of its pose and the arrival of that pose at the recorder. What was
sent shortly before may have come too late for it, what was sent meanwhile may have come in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from der_ros.offline_replay.motion_replay import RecordedCommand
from der_ros.offline_replay.recorded_stream import Cycle, Recorded, Window
from der_ros.policy.governor import GovernorLimits

_ON_ITS_WAY_NS = 10_000_000
_MOST_DOUBTFUL = 2
_T = TypeVar("_T")


class Choice(NamedTuple):
    """Inputs of one cycle."""

    command: RecordedCommand | None
    wrench: Recorded | None


def _on_their_way(
    newest_first: Iterable[_T], cycle: Cycle, sent_ns: Callable[[_T], int], late_ns: int
) -> list[_T | None]:
    """Return the messages that a cycle may have had as its newest, the likeliest first.

    Args:
        newest_first: messages.
        cycle: that took one of them.
        sent_ns: gives the time at which a message was sent.
        late_ns: longest time on the way; 0: no doubt is allowed.
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
    """Return what the bridge may have had in a cycle, the likeliest first.

    Args:
        commands: newest first.
        window: what came about then.
        cycle: that took one of each.
        limits: of the governor; a wrench far below the soft ones changes nothing.
    """
    wrenches = window.wrenches
    newest = wrenches[-1] if wrenches else None
    pushes = newest is not None and _pushes(newest, limits.soft_force_n, limits.soft_torque_nm)
    felt = _on_their_way(reversed(wrenches), cycle, _stamp_ns, _ON_ITS_WAY_NS if pushes else 0)
    sent = _on_their_way(commands, cycle, _arrives_ns, _ON_ITS_WAY_NS)
    return [Choice(command, wrench) for command in sent for wrench in felt]


def _arrives_ns(command: RecordedCommand) -> int:
    return command.arrives_ns


def _stamp_ns(wrench: Recorded) -> int:
    return wrench.numbers.stamp_ns


def _pushes(wrench: Recorded, force_n: float, torque_nm: float) -> bool:
    """Tell if a reading is near the soft limits, where it changes the twist."""
    fx, fy, fz, tx, ty, tz = wrench.numbers.values
    lever = 0.5 * force_n
    return (
        fx * fx + fy * fy + fz * fz > lever * lever
        or tx * tx + ty * ty + tz * tz > 0.25 * torque_nm * torque_nm
    )
