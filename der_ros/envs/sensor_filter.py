"""Low-pass filter of a Net F/T box, applied to the readings of an environment."""

from __future__ import annotations

import math

from der_ros.errors import ConfigurationError
from der_ros.rotation import Six

FASTEST_HZ = 3000.0
"""Highest cut-off of a Net Box, Hz."""


def check_cutoff(cutoff_hz: float) -> float:
    """Return a cut-off, Hz, after checking its range; 0 means no filter.

    Raises:
        ConfigurationError: The cut-off is not a number from 0 to ``FASTEST_HZ``.
    """
    is_number = isinstance(cutoff_hz, (int, float)) and not isinstance(cutoff_hz, bool)
    if not (is_number and 0.0 <= cutoff_hz <= FASTEST_HZ):
        raise ConfigurationError(
            f"sensor_filter_hz: expected 0 (off) to {FASTEST_HZ:g} Hz, got {cutoff_hz!r}"
        )
    return float(cutoff_hz)


class SensorFilter:
    """First-order low-pass of the box, for readings x that are constant during a tick of length T.

    With the cut-off f, ``y <- x + exp(-2 pi f T) (y - x)``, which is the response of the box's
    filter at its 7000 samples per second. It starts in the steady state.

    Args:
        cutoff_hz: Cut-off f, Hz, above 0.
        tick_s: Tick length T, s.
        reading: Reading x before the first tick.
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
