"""Inputs of one cycle of the bridge and its decision, as numbers of one message.

``kuka/cycle_inputs`` carries them, and a replay takes them: with them it needs no guess about which
command and which wrench a cycle had. Whole numbers up to 2^53 are exact in the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag
from typing import NamedTuple

from der_ros.errors import BagError
from der_ros.rotation import Six

NO_STAMP_NS = -1
"""Stamp of a message that is not there."""
_NS_PER_S = 1_000_000_000
_COUNT = 18


class CycleState(IntFlag):
    """State of the bridge when it decided.

    HELD: a fault was latched before. ENDING: the node is shutting down. FROM_REST: the governor
    began at rest, since the robot stood still.
    """

    HELD = 1
    ENDING = 2
    FROM_REST = 4


class CycleRecord(NamedTuple):
    """One cycle of the bridge.

    Attributes:
        number: counts the decisions of the node, from 1 on.
        cycle_s: time until the next cycle, s.
        decided_s: time of the decision on the bridge's steady clock, s.
        command_ns: stamp of the accepted command; ``NO_STAMP_NS`` where there is none.
        command_since_s: steady time from which the command ages, s.
        wrench_ns: stamp of the newest wrench; ``NO_STAMP_NS`` where there is none.
        wrench_since_s: steady time from which the wrench ages, s.
        state: bits of ``CycleState``.
        twist: decided, m/s and rad/s, task axes.
    """

    number: int
    cycle_s: float
    decided_s: float
    command_ns: int
    command_since_s: float
    wrench_ns: int
    wrench_since_s: float
    state: int
    twist: Six

    def is_in(self, state: CycleState) -> bool:
        """Return True if a bit of ``state`` is set."""
        return bool(self.state & state)


def cycle_label(record: CycleRecord) -> str:
    """Return the label of the array's dimension."""
    return f"cycle {record.number}"


def cycle_numbers(stamp_ns: int, record: CycleRecord) -> list[float]:
    """Return the (18,) numbers of a message.

    Args:
        stamp_ns: of the cycle's ``kuka/tcp_pose`` and ``kuka/twist_applied``.
        record: of the cycle.
    """
    return [
        *_split(stamp_ns),
        float(record.number),
        record.cycle_s,
        record.decided_s,
        *_split(record.command_ns),
        record.command_since_s,
        *_split(record.wrench_ns),
        record.wrench_since_s,
        float(record.state),
        *record.twist,
    ]


def cycle_from_numbers(numbers: Sequence[float]) -> tuple[int, CycleRecord]:
    """Return stamp and record of the numbers of ``cycle_numbers``.

    Raises:
        BagError: they are not such numbers.
    """
    if len(numbers) != _COUNT:
        raise BagError(f"expected {_COUNT} numbers of a cycle, got {len(numbers)}")
    try:
        record = CycleRecord(
            int(numbers[2]),
            numbers[3],
            numbers[4],
            _joined(numbers[5], numbers[6]),
            numbers[7],
            _joined(numbers[8], numbers[9]),
            numbers[10],
            int(numbers[11]),
            (numbers[12], numbers[13], numbers[14], numbers[15], numbers[16], numbers[17]),
        )
        return _joined(numbers[0], numbers[1]), record
    except (OverflowError, ValueError) as error:
        raise BagError(f"expected the finite numbers of a cycle, got {error}") from error


def _split(stamp_ns: int) -> tuple[float, float]:
    seconds, rest = divmod(stamp_ns, _NS_PER_S)
    return float(seconds), float(rest)


def _joined(seconds: float, nanoseconds: float) -> int:
    return int(seconds) * _NS_PER_S + int(nanoseconds)
