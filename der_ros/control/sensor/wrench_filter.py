"""Low-pass filter of ``ft_bridge`` for wrenches that were recorded without it."""

from __future__ import annotations

import numpy as np

from der_ros.drivers.netft.low_pass import LowPass

ORDER = 2


class WrenchFilter:
    """Filter of recorded wrenches, in their order.

    Args:
        cutoff_hz: Cut-off of the filter, Hz.
        rate_hz: Rate of the wrenches, Hz.

    Raises:
        ConfigurationError: The cut-off is too high for the rate.
    """

    def __init__(self, cutoff_hz: float, rate_hz: float) -> None:
        self._low_pass = LowPass(ORDER, cutoff_hz, rate_hz)

    def update(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Return the filtered wrench after the next one, (6,) N and Nm."""
        return tuple(self._low_pass.update(np.array(values)).tolist())
