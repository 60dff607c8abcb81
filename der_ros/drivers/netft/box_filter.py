"""The low-pass filter of a Net F/T box: its settings, a watch over it, and a simulated one."""

from __future__ import annotations

from collections.abc import Callable

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.low_pass import LowPass
from der_ros.geometry import Array, Wrench

INTERNAL_RATE_HZ = 7000
"""Samples that the box takes a second, Hz."""
CUTOFFS_HZ = (0, 838, 326, 152, 73, 35, 18, 8, 5, 1500, 2000, 2500, 3000)
"""Cut-off of each filter of a Net Box by its number (``setuserfilter``), Hz; 0: no filter."""
_SAME = 1e-6


def cutoff_hz(box: SensorConfiguration, number: int | None = None) -> int | None:
    """Return the cut-off of a box's filter, Hz, 0 without a filter; None where it is not known.

    Args:
        box: its configuration; an Axia's filters depend on its sample rate.
        number: of the filter; default the one that the configuration has.
    """
    chosen = box.user_filter if number is None else number
    known = 0 <= chosen < len(CUTOFFS_HZ) and "axia" not in box.product_name.lower()
    return CUTOFFS_HZ[chosen] if known else None


def filter_in_words(cutoff: float | None) -> str:
    """Return a filter in words.

    Args:
        cutoff: Hz; 0: no filter; None: not known.
    """
    if cutoff is None:
        return "not known"
    return f"{cutoff:g} Hz" if cutoff else "off"


def is_slower(cutoff: float, least_hz: float) -> bool:
    """Tell if a filter lets less through than another; 0 Hz means no filter, for both."""
    if cutoff == 0.0:
        return False
    return least_hz == 0.0 or cutoff < least_hz * (1.0 - _SAME)


class FilterWatch:
    """Compares the box's low-pass filter with the one that is expected.

    Args:
        asked: number that the box was asked for; -1: the one that it has at first is expected.
        least_hz: lowest cut-off with which readings are used, Hz; 0: any.

    Attributes:
        fault: why readings are not used; empty where they are.
        warning: how the filter differs from what is expected; empty where it does not.
        number: of the filter; -1: not known.
        words: cut-off of the filter.
    """

    def __init__(self, asked: int, least_hz: float) -> None:
        self._expected, self._least_hz = asked, least_hz
        self.fault = self.warning = ""
        self.number, self.words = -1, filter_in_words(None)

    def look(self, box: SensorConfiguration, number: int) -> None:
        """Compare the filter of now.

        Args:
            box: its configuration.
            number: of its filter.
        """
        if self._expected < 0:
            self._expected = number
        found = cutoff_hz(box, number)
        self.number, self.words = number, filter_in_words(found)
        slower = self._least_hz > 0.0 and found is not None and is_slower(found, self._least_hz)
        needed = f"expected at least {self._least_hz:g} Hz or off (min_box_filter_hz)"
        self.fault = (
            f"the box's low-pass filter is at {self.words}, {needed}; set it on the box's "
            "Settings page, or by box_filter"
            if slower
            else ""
        )
        self.warning = self._difference(box)
        if not self.warning and self._least_hz > 0.0 and found is None:
            self.warning = (
                f"the cut-off of the box's low-pass filter is not known, {needed}; look at the "
                "box's Settings page"
            )

    def _difference(self, box: SensorConfiguration) -> str:
        """Return how the filter differs from the expected one, in words."""
        if self.number == self._expected:
            return ""
        expected = filter_in_words(cutoff_hz(box, self._expected))
        return (
            f"the box's low-pass filter is number {self.number} ({self.words}), expected "
            f"{self._expected} ({expected}); set it back on the box's Settings page"
        )


class SimulatedFilter:
    """The filter in a simulated box: first order, at the box's internal rate. For one thread.

    Args:
        source: gives one sample, N and Nm.
    """

    def __init__(self, source: Callable[[], Wrench]) -> None:
        self._source = source
        self._number = 0
        self._low_pass: LowPass | None = None

    def restart(self) -> None:
        """Take the next sample as the first one."""
        if self._low_pass is not None:
            self._low_pass.restart()

    def reading(self, number: int, samples: int) -> Array:
        """Take samples and return the reading after the last one, (6,) N and Nm.

        Args:
            number: of the filter; another one than before begins in its steady state.
            samples: since the reading before, at least 1; without a filter only the last is taken.
        """
        if number != self._number:
            self._number, cutoff = number, CUTOFFS_HZ[max(0, number)]
            self._low_pass = LowPass(1, float(cutoff), INTERNAL_RATE_HZ) if cutoff else None
        if self._low_pass is None:
            return self._source().to_array()
        for _ in range(samples - 1):
            self._low_pass.update(self._source().to_array())
        return self._low_pass.update(self._source().to_array())
