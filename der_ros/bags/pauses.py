"""Pauses of a recording, as stored in the custom data of its bag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from der_ros.errors import BagError

PAUSED = "recording_paused"
"""Custom data key for the pauses of a recording."""
_PAUSE = re.compile(r"(\d{1,19}) to (\d{1,19})")


class Pause(NamedTuple):
    """Time in which no message was written.

    Attributes:
        begin_ns: Bag time of the pause, ns since the epoch.
        end_ns: Bag time at which recording continued or the bag ended, ns since the epoch.
    """

    begin_ns: int
    end_ns: int

    @property
    def duration_s(self) -> float:
        """Length of the pause, s."""
        return 1e-9 * (self.end_ns - self.begin_ns)

    def in_words(self, start_ns: int) -> str:
        """Return begin and end in seconds since ``start_ns``, bag time."""
        begin_s, end_s = (1e-9 * (each - start_ns) for each in self)
        return f"paused from {begin_s:.3f} to {end_s:.3f} s"


def pauses_to_text(pauses: Iterable[Pause]) -> str:
    """Return pauses as a text for custom data."""
    return ", ".join(f"{pause.begin_ns} to {pause.end_ns}" for pause in pauses)


def pauses_from_text(text: str) -> tuple[Pause, ...]:
    """Return the pauses of a text by ``pauses_to_text``.

    Raises:
        BagError: The text is malformed, or the pauses are not in order.
    """
    matches = [_PAUSE.fullmatch(each) for each in text.split(", ")] if text else []
    pauses = [Pause(int(each[1]), int(each[2])) for each in matches if each]
    times = [at_ns for pause in pauses for at_ns in pause]
    if len(pauses) != len(matches) or times != sorted(times):
        raise BagError(f"{PAUSED}: expected 'BEGIN to END, …' in ns and in order, got {text!r}")
    return tuple(pauses)


def paused_ns(pauses: Iterable[Pause], begin_ns: int, end_ns: int) -> int:
    """Return how much of the bag time from ``begin_ns`` to ``end_ns`` was paused, ns."""
    return sum(
        max(0, min(pause.end_ns, end_ns) - max(pause.begin_ns, begin_ns)) for pause in pauses
    )
