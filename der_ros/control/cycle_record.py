"""Inputs and result of one cycle of the bridge, as numbers of one message.

The topic ``kuka/cycle_inputs`` carries them, so that a replay uses the same command and wrench in
each cycle as the bridge did. Integers up to 2^53 are exact in the message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntFlag
from typing import NamedTuple

from der_ros.documents import shortened
from der_ros.errors import BagError
from der_ros.rotation import Six

NO_STAMP_NS = -1
"""Stamp for a missing message, ns."""
_NS_PER_S = 1_000_000_000
_COUNT = 18


class CycleState(IntFlag):
    """State of the bridge at the start of a cycle.

    HELD: a fault is latched. ENDING: the node is shutting down. FROM_REST: the governor starts from
    rest, because the robot stands still.
    """

    HELD = 1
    ENDING = 2
    FROM_REST = 4


class CycleRecord(NamedTuple):
    """Record of one cycle of the bridge.

    Attributes:
        number: Number of the cycle, from 1.
        cycle_s: Time until the next cycle, s.
        decided_s: Time of the decision on the bridge's monotonic clock, s.
        command_ns: Stamp of the accepted command, ns; ``NO_STAMP_NS`` if there is none.
        command_since_s: Monotonic time from which the command's age counts, s.
        wrench_ns: Stamp of the newest wrench, ns; ``NO_STAMP_NS`` if there is none.
        wrench_since_s: Monotonic time from which the wrench's age counts, s.
        state: Bits of ``CycleState``.
        twist: Resulting twist, m/s and rad/s, task axes.
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
        return self.state & int(state) != 0


def cycle_label(record: CycleRecord) -> str:
    """Return the label of the message's array dimension."""
    return f"cycle {record.number}"


def cycle_numbers(stamp_ns: int, record: CycleRecord) -> list[float]:
    """Return the numbers of a message, (18,).

    Args:
        stamp_ns: Stamp of the cycle's ``kuka/tcp_pose`` and ``kuka/twist_applied``, ns.
        record: Record of the cycle.
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
    """Return stamp and record from the numbers that ``cycle_numbers`` returned.

    Raises:
        BagError: The numbers are not those of a cycle.
    """
    if len(numbers) != _COUNT:
        raise BagError(f"expected {_COUNT} numbers of a cycle, got {len(numbers)}")
    # A finite sum implies finite terms, and takes a third of the time.
    if not (math.isfinite(sum(numbers)) or all(map(math.isfinite, numbers))):
        raise BagError(f"expected the finite numbers of a cycle, got {shortened(list(numbers))}")
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


def _split(stamp_ns: int) -> tuple[float, float]:
    seconds, rest = divmod(stamp_ns, _NS_PER_S)
    return float(seconds), float(rest)


def _joined(seconds: float, nanoseconds: float) -> int:
    return int(seconds) * _NS_PER_S + int(nanoseconds)
