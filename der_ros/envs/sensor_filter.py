"""The low-pass filter of a Net F/T box on the readings of an environment."""

from __future__ import annotations

import math

from der_ros.errors import ConfigurationError
from der_ros.rotation import Six

FASTEST_HZ = 3000.0
"""Highest cut-off of a Net Box, Hz."""


def check_cutoff(cutoff_hz: float) -> float:
    """Return a cut-off, Hz, if it can be one; 0: no filter.

    Raises:
        ConfigurationError: it is no number from 0 to ``FASTEST_HZ``.
    """
    is_number = isinstance(cutoff_hz, (int, float)) and not isinstance(cutoff_hz, bool)
    if not (is_number and 0.0 <= cutoff_hz <= FASTEST_HZ):
        raise ConfigurationError(
            f"sensor_filter_hz: expected 0 (off) to {FASTEST_HZ:g} Hz, got {cutoff_hz!r}"
        )
    return float(cutoff_hz)


class SensorFilter:
    """The box's first-order low-pass, of readings x that each hold for one tick of length T.

    With the cut-off f, ``y <- x + exp(-2 pi f T) (y - x)``. That is what the box's filter makes of
    its 7000 samples a second; it begins in the steady state.

    Args:
        cutoff_hz: f, above 0.
        tick_s: T.
        reading: x of before the first tick.
    """

    def __init__(self, cutoff_hz: float, tick_s: float, reading: Six) -> None:
        self._rest = math.exp(-2.0 * math.pi * cutoff_hz * tick_s)
        self.filtered = reading

    def __call__(self, reading: Six) -> Six:
        """Return the filtered reading at the end of the next tick."""
        rest, (a, b, c, d, e, f), (u, v, w, x, y, z) = self._rest, self.filtered, reading
        self.filtered = (
            u + rest * (a - u),
            v + rest * (b - v),
            w + rest * (c - w),
            x + rest * (d - x),
            y + rest * (e - y),
            z + rest * (f - z),
        )
        return self.filtered
