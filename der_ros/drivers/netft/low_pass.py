"""A Butterworth low-pass filter for evenly sampled wrenches."""

from __future__ import annotations

import math

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array

MAX_CUTOFF_RATIO = 0.45
"""Highest cut-off, as a part of the sample rate: above it little is left to filter."""


class LowPass:
    """The analog Butterworth filter of order 1 or 2, by the bilinear transform, pre-warped.

    With ``K = tan(pi * cutoff / rate)``, so that the gain at the cut-off is exactly 1/sqrt(2)::

        order 1:  H(z) = K (1 + z^-1) / ((1 + K) + (K - 1) z^-1)
        order 2:  H(z) = K^2 (1 + z^-1)^2 / (D + 2 (K^2 - 1) z^-1 + (1 - sqrt(2) K + K^2) z^-2),
                  D = 1 + sqrt(2) K + K^2

    Its gain at 0 Hz is 1. It begins in the steady state of its first sample, not at zero.

    Args:
        order: 1 or 2.
        cutoff_hz: where the gain has fallen to 1/sqrt(2).
        rate_hz: of the samples, which must come evenly.

    Raises:
        ConfigurationError: another order, a cut-off that is not within (0, 0.45 * rate], or a pair
            whose poles do not lie within the unit circle as computed.
    """

    def __init__(self, order: int, cutoff_hz: float, rate_hz: float) -> None:
        if order not in (1, 2):
            raise ConfigurationError(f"filter order: expected 1 or 2, got {order}")
        if not (0.0 < rate_hz < math.inf and 0.0 < cutoff_hz <= MAX_CUTOFF_RATIO * rate_hz):
            raise ConfigurationError(
                f"filter cut-off: expected above 0 and at most {MAX_CUTOFF_RATIO} of the sample "
                f"rate of {rate_hz:g} Hz, got {cutoff_hz:g} Hz"
            )
        self.order, self.cutoff_hz, self.rate_hz = order, cutoff_hz, rate_hz
        k = math.tan(math.pi * cutoff_hz / rate_hz)
        if order == 1:
            b0 = k / (1.0 + k)
            self.numerator = (b0, b0, 0.0)
            self.denominator = (1.0, (k - 1.0) / (1.0 + k), 0.0)
        else:
            d = 1.0 + math.sqrt(2.0) * k + k * k
            b0 = k * k / d
            self.numerator = (b0, 2.0 * b0, b0)
            self.denominator = (
                1.0,
                2.0 * (k * k - 1.0) / d,
                (1.0 - math.sqrt(2.0) * k + k * k) / d,
            )
        check_stability(self.denominator)
        self._memory: tuple[Array, Array] | None = None

    def restart(self) -> None:
        """Take the next sample as the first one."""
        self._memory = None

    def update(self, sample: Array) -> Array:
        """Return the filtered value of the next sample, of any one shape."""
        b0, b1, b2 = self.numerator
        _, a1, a2 = self.denominator
        if self._memory is None:
            self._memory = (1.0 - b0) * sample, (b2 - a2) * sample
        first, second = self._memory
        filtered = b0 * sample + first
        self._memory = b1 * sample - a1 * filtered + second, b2 * sample - a2 * filtered
        return np.asarray(filtered)


def check_stability(denominator: tuple[float, float, float]) -> None:
    """Jury's conditions for ``1 + a1 z^-1 + a2 z^-2``: both poles within the unit circle.

    Raises:
        ConfigurationError: they are not.
    """
    _, a1, a2 = denominator
    if not (abs(a2) < 1.0 and abs(a1) < 1.0 + a2):
        raise ConfigurationError(
            f"filter: expected poles within the unit circle, got a denominator of {denominator}; "
            "raise the cut-off or lower the sample rate"
        )
