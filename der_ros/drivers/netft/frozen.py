"""Whether a sensor says the same thing for ever: a real one has noise in every count."""

from __future__ import annotations

from der_ros.geometry import Array, Wrench


class FrozenWatch:
    """Compares each reading with the one before; all six must be the same to the last count.

    Args:
        after_s: a reading that stays the same for longer is frozen; 0: never.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._last: Array | None = None
        self._since_s = 0.0

    def frozen(self, wrench: Wrench, now_s: float) -> bool:
        """Takes the reading that came at ``now_s`` (any steady clock)."""
        reading = wrench.to_array()
        if self._last is None or (reading != self._last).any():
            self._last, self._since_s = reading, now_s
        return 0.0 < self._after_s < now_s - self._since_s
