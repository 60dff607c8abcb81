"""Validation and age of header stamps."""

from __future__ import annotations

import math
from typing import Protocol

from der_ros.errors import DerRosError

_NS_PER_S = 1_000_000_000


class Stamp(Protocol):
    """Stamp of a header, such as ``builtin_interfaces.msg.Time``, with unchecked numbers."""

    sec: int
    nanosec: int


class StampError(DerRosError, ValueError):
    """Refused stamp of a header; ``kind`` is ``invalid``, ``old`` or ``future``."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def stamp_problem(stamp: Stamp) -> str:
    """Return the reason why a stamp is invalid, or an empty text; cheap enough for each cycle."""
    if stamp.sec >= 0 and stamp.nanosec < _NS_PER_S:
        return ""
    return (
        "expected header.stamp with sec of at least 0 and nanosec below 1000000000, "
        f"got sec {stamp.sec}, nanosec {stamp.nanosec}"
    )


def stamp_ns(stamp: Stamp) -> int:
    """Return a stamp in ns since the epoch; 0 if the driver does not stamp.

    Raises:
        StampError: The stamp is invalid.
    """
    problem = stamp_problem(stamp)
    if problem:
        raise StampError("invalid", problem)
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def stamp_age_s(
    now_ns: int,
    stamp: Stamp,
    *,
    max_age_s: float = math.inf,
    max_future_s: float = math.inf,
) -> float:
    """Return the age of a stamp on a node's clock, s; negative if it is in the future.

    Args:
        now_ns: Time of the node's clock, ns since the epoch.
        stamp: Stamp of a header; zero means the epoch.
        max_age_s: Largest accepted age, s.
        max_future_s: Largest accepted lead over the node's clock, s.

    Raises:
        StampError: The stamp is invalid, too old, or too far in the future.
    """
    age_s = 1e-9 * float(now_ns - stamp_ns(stamp))
    if age_s > max_age_s:
        raise StampError("old", f"the stamp is {age_s:.3f} s old, expected at most {max_age_s:g} s")
    if age_s < -max_future_s:
        raise StampError(
            "future", f"the stamp is {-age_s:.3f} s in the future; synchronise the clocks"
        )
    return age_s
