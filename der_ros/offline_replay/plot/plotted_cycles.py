"""Cycles of a replay for a plot, thinned out if there are many."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from der_ros.geometry import Array
from der_ros.offline_replay.plot.cycle_samples import UNKNOWN_TWIST, CycleSample
from der_ros.offline_replay.recorded_stream import Cycle

HELD = "held by a fault"
_MOST_POINTS = 20_000


class PlottedRow(NamedTuple):
    """One or more neighbouring cycles, merged.

    Attributes:
        time_s: Time of the last cycle since the first cycle of the bag, s.
        force_n: Largest force, N; NaN if the sensor is silent.
        pose: Pose of the last cycle in the base: x y z, m, and quaternion qx qy qz qw.
        commanded: Linear and angular speed, m/s and rad/s, of the last command; NaN if not fresh.
        recorded: Linear and angular speed of the recorded twist, m/s and rad/s.
        rebuilt: Linear and angular speed of the rebuilt twist, m/s and rad/s.
        changed: Linear and angular speed of the what-if, m/s and rad/s; NaN without changes.
        stepped_in: Interventions of the governor in any of the cycles, or ``HELD``.
    """

    time_s: float
    force_n: float
    pose: tuple[float, ...]
    commanded: tuple[float, float]
    recorded: tuple[float, float]
    rebuilt: tuple[float, float]
    changed: tuple[float, float]
    stepped_in: frozenset[str]


class PlottedCycles:
    """Collects the cycles of a replay in bounded memory.

    Attributes:
        rows: Rows, oldest first.
    """

    def __init__(self) -> None:
        self.rows: list[PlottedRow] = []
        self._every = self._count = 0
        self._force_n = math.nan
        self._stepped_in: frozenset[str] = frozenset()

    def add(
        self, cycle: Cycle, force_n: float, rebuilt: CycleSample, changed: CycleSample | None
    ) -> None:
        """Add one cycle; ``force_n`` is the largest force since the previous cycle."""
        self._count += 1
        self._force_n = float(np.fmax(self._force_n, force_n))
        self._stepped_in |= rebuilt.stepped_in | (
            frozenset({HELD}) if rebuilt.held else frozenset()
        )
        if self._count <= self._every:
            return
        self.rows.append(
            PlottedRow(
                rebuilt.time_s,
                self._force_n,
                tuple(cycle.pose.numbers.values),
                _speeds(rebuilt.commanded),
                _speeds(cycle.applied),
                _speeds(rebuilt.applied),
                _speeds(UNKNOWN_TWIST if changed is None else changed.applied),
                self._stepped_in,
            )
        )
        self._count, self._force_n, self._stepped_in = 0, math.nan, frozenset()
        if len(self.rows) > _MOST_POINTS:
            self.rows = [_joined(*pair) for pair in zip(*[iter(self.rows)] * 2, strict=False)]
            self._every = 2 * self._every + 1

    def column(self, name: str) -> Array:
        """Return an attribute of all rows as an array, shape (rows,) or (rows, size)."""
        return np.array([getattr(row, name) for row in self.rows])

    def spans(self, kind: str) -> list[tuple[float, float]]:
        """Return start and length, s, of each stretch with an intervention."""
        found: list[tuple[float, float]] = []
        ends = [row.time_s for row in self.rows[1:]]
        for row, end_s in zip(self.rows, [*ends, *ends[-1:]], strict=False):
            if kind not in row.stepped_in:
                continue
            if found and math.isclose(sum(found[-1]), row.time_s, abs_tol=1e-9):
                found[-1] = found[-1][0], end_s - found[-1][0]
            else:
                found.append((row.time_s, end_s - row.time_s))
        return found


def _joined(first: PlottedRow, second: PlottedRow) -> PlottedRow:
    """Merge two neighbours: the larger force, the later motion, all interventions."""
    force_n = float(np.fmax(first.force_n, second.force_n))
    stepped_in = first.stepped_in | second.stepped_in
    return second._replace(force_n=force_n, stepped_in=stepped_in)


def _speeds(twist: tuple[float, ...]) -> tuple[float, float]:
    return math.hypot(*twist[:3]), math.hypot(*twist[3:])
