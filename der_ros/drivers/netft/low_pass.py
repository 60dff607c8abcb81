"""Butterworth low-pass filter for evenly sampled wrenches."""

from __future__ import annotations

import math

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.geometry import Array

MAX_CUTOFF_RATIO = 0.45
"""Highest cut-off as a fraction of the sample rate, close to the Nyquist frequency."""


class LowPass:
    """Butterworth filter of order 1 or 2, by the pre-warped bilinear transform.

    With ``K = tan(pi * cutoff / rate)``, so that the gain at the cut-off is exactly 1/sqrt(2)::

        order 1:  H(z) = K (1 + z^-1) / ((1 + K) + (K - 1) z^-1)
        order 2:  H(z) = K^2 (1 + z^-1)^2 / (D + 2 (K^2 - 1) z^-1 + (1 - sqrt(2) K + K^2) z^-2),
                  D = 1 + sqrt(2) K + K^2

    The gain at 0 Hz is 1. The filter starts in the steady state of its first sample, not at zero.

    Args:
        order: Order of the filter, 1 or 2.
        cutoff_hz: Frequency at which the gain is 1/sqrt(2), Hz.
        rate_hz: Sample rate, Hz; samples must be evenly spaced.

    Raises:
        ConfigurationError: The order is neither 1 nor 2, the cut-off is not within
            (0, 0.45 * rate], or the computed poles are not within the unit circle.
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
        """Restart the filter in the steady state of the next sample."""
        self._memory = None

    def update(self, sample: Array) -> Array:
        """Add a sample of any (constant) shape and return the filtered value."""
        b0, b1, b2 = self.numerator
        _, a1, a2 = self.denominator
        if self._memory is None:
            self._memory = (1.0 - b0) * sample, (b2 - a2) * sample
        first, second = self._memory
        filtered = b0 * sample + first
        self._memory = b1 * sample - a1 * filtered + second, b2 * sample - a2 * filtered
        return np.asarray(filtered)


def check_stability(denominator: tuple[float, float, float]) -> None:
    """Check that both poles of ``1 + a1 z^-1 + a2 z^-2`` are within the unit circle (Jury).

    Raises:
        ConfigurationError: A pole is not within the unit circle.
    """
    _, a1, a2 = denominator
    if not (abs(a2) < 1.0 and abs(a1) < 1.0 + a2):
        raise ConfigurationError(
            f"filter: expected poles within the unit circle, got a denominator of {denominator}; "
            "raise the cut-off or lower the sample rate"
        )
