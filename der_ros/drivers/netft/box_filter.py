"""Low-pass filter of a Net F/T box: its settings, a monitor and a simulation."""

from __future__ import annotations

from collections.abc import Callable

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.low_pass import LowPass
from der_ros.geometry import Array, Wrench

INTERNAL_RATE_HZ = 7000
"""Internal sample rate of the box, Hz."""
CUTOFFS_HZ = (0, 838, 326, 152, 73, 35, 18, 8, 5, 1500, 2000, 2500, 3000)
"""Cut-off of each filter of a Net Box by its number (``setuserfilter``), Hz; 0 for no filter."""
_SAME = 1e-6


def cutoff_hz(box: SensorConfiguration, number: int | None = None) -> int | None:
    """Return the cut-off of a box's filter, Hz; 0 without a filter, None if unknown.

    Args:
        box: Configuration of the box; an Axia's cut-offs depend on its sample rate and are unknown.
        number: Number of the filter; default: that of the configuration.
    """
    chosen = box.user_filter if number is None else number
    known = 0 <= chosen < len(CUTOFFS_HZ) and "axia" not in box.product_name.lower()
    return CUTOFFS_HZ[chosen] if known else None


def filter_in_words(cutoff: float | None) -> str:
    """Return a description of a filter.

    Args:
        cutoff: Cut-off, Hz; 0 for no filter, None if unknown.
    """
    if cutoff is None:
        return "not known"
    return f"{cutoff:g} Hz" if cutoff else "off"


def is_slower(cutoff: float, least_hz: float) -> bool:
    """Return True if a cut-off is below ``least_hz``; 0 Hz means no filter for both."""
    if cutoff == 0.0:
        return False
    return least_hz == 0.0 or cutoff < least_hz * (1.0 - _SAME)


class FilterWatch:
    """Monitor that compares the box's low-pass filter with the expected one.

    Args:
        requested: Number of the requested filter; -1 to expect the one that is read first.
        least_hz: Lowest cut-off at which readings are used, Hz; 0 for any.

    Attributes:
        fault: Reason why readings are not used; empty if they are.
        warning: Difference from the expected filter; empty if there is none.
        number: Number of the filter; -1 if unknown.
        words: Description of the filter's cut-off.
    """

    def __init__(self, requested: int, least_hz: float) -> None:
        self._expected, self._least_hz = requested, least_hz
        self.fault = self.warning = ""
        self.number, self.words = -1, filter_in_words(None)

    def update(self, box: SensorConfiguration, number: int) -> None:
        """Compare the current filter with the expected one.

        Args:
            box: Configuration of the box.
            number: Number of its current filter.
        """
        if self._expected < 0:
            self._expected = number
        cutoff = cutoff_hz(box, number)
        self.number, self.words = number, filter_in_words(cutoff)
        slower = self._least_hz > 0.0 and cutoff is not None and is_slower(cutoff, self._least_hz)
        needed = f"expected at least {self._least_hz:g} Hz or off (min_box_filter_hz)"
        self.fault = (
            f"the box's low-pass filter is at {self.words}, {needed}; set it on the box's "
            "Settings page, or by box_filter"
            if slower
            else ""
        )
        self.warning = self._difference(box)
        if not self.warning and self._least_hz > 0.0 and cutoff is None:
            self.warning = (
                f"the cut-off of the box's low-pass filter is not known, {needed}; look at the "
                "box's Settings page"
            )

    def _difference(self, box: SensorConfiguration) -> str:
        """Return a message about the difference from the expected filter; empty if none."""
        if self.number == self._expected:
            return ""
        expected = filter_in_words(cutoff_hz(box, self._expected))
        return (
            f"the box's low-pass filter is number {self.number} ({self.words}), expected "
            f"{self._expected} ({expected}); set it back on the box's Settings page"
        )


class SimulatedFilter:
    """Filter of a simulated box: first order, at the box's internal rate. Not thread-safe.

    Args:
        source: Function that returns one sample, N and Nm.
    """

    def __init__(self, source: Callable[[], Wrench]) -> None:
        self._source = source
        self._number = 0
        self._low_pass: LowPass | None = None

    def restart(self) -> None:
        """Restart the filter in the steady state of the next sample."""
        if self._low_pass is not None:
            self._low_pass.restart()

    def reading(self, number: int, samples: int) -> Array:
        """Take samples and return the filtered reading after the last one, (6,) N and Nm.

        Args:
            number: Number of the filter; a new filter starts in its steady state.
            samples: Number of samples since the previous reading, at least 1; without a filter only
                the last one is taken.
        """
        if number != self._number:
            self._number, cutoff = number, CUTOFFS_HZ[max(0, number)]
            self._low_pass = LowPass(1, float(cutoff), INTERNAL_RATE_HZ) if cutoff else None
        if self._low_pass is None:
            return self._source().to_array()
        for _ in range(samples - 1):
            self._low_pass.update(self._source().to_array())
        return self._low_pass.update(self._source().to_array())
