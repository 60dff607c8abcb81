"""Dead zone, stiction and backlash of an arm's drives, between the governor and the arm.

Each drive moves the arm along or about one axis of the task frame. In a tick of length T, its
speed command v becomes the displacement d that is sent to the arm, in this order:

    dead zone Z:  d = v T if |v| >= Z, else 0
    stiction S:   at rest, the lag e grows by d and nothing moves while |e| <= S; beyond that the
                  drive moves by e at once and then follows, until d is 0 or changes its sign
    backlash B:   the lag p of the arm behind the drive grows by d, and the arm moves by the excess
                  of |p| over B / 2: after a reversal, the first B moves nothing

All drives start at rest, in the middle of the backlash.
"""

from __future__ import annotations

from typing import NamedTuple

from der_ros.rotation import ZERO6, Six


class DriveErrors(NamedTuple):
    """Errors of the drives, in translation and rotation; 0 for none.

    Attributes:
        dead_zone_mps: Dead zone Z, m/s.
        dead_zone_radps: Dead zone Z, rad/s.
        stiction_m: Stiction S, m.
        stiction_rad: Stiction S, rad.
        backlash_m: Backlash B, m.
        backlash_rad: Backlash B, rad.
    """

    dead_zone_mps: float = 0.0
    dead_zone_radps: float = 0.0
    stiction_m: float = 0.0
    stiction_rad: float = 0.0
    backlash_m: float = 0.0
    backlash_rad: float = 0.0


class DrivesState(NamedTuple):
    """State of the six drives of an arm.

    Attributes:
        lag: Lags e, m and rad.
        moving: Direction of motion, 1 or -1; 0 at rest.
        play: Lags p, m and rad.
    """

    lag: Six = ZERO6
    moving: Six = ZERO6
    play: Six = ZERO6


class Drives:
    """Six drives with dead zone, stiction and backlash.

    Args:
        errors: Errors of the drives.
        tick_s: Length T of a tick, s.
        state: State to continue from; default: at rest.
    """

    def __init__(
        self, errors: DriveErrors, tick_s: float, state: DrivesState | None = None
    ) -> None:
        e = errors
        self._tick_s = tick_s
        self._zone = [e.dead_zone_mps] * 3 + [e.dead_zone_radps] * 3
        self._stiction = [e.stiction_m] * 3 + [e.stiction_rad] * 3
        self._half_play = [0.5 * e.backlash_m] * 3 + [0.5 * e.backlash_rad] * 3
        lag, moving, play = state or DrivesState()
        self._lag, self._moving, self._play = list(lag), list(moving), list(play)

    @property
    def state(self) -> DrivesState:
        """Current state, from which another ``Drives`` can continue."""
        return DrivesState(_six(self._lag), _six(self._moving), _six(self._play))

    def __call__(self, twist: Six) -> Six:
        """Return the twist sent to the arm for a commanded one, m/s and rad/s."""
        return _six([self._sent(number, speed) for number, speed in enumerate(twist)])

    def _sent(self, number: int, speed: float) -> float:
        """Return the speed that one drive sends to the arm, m/s or rad/s."""
        way = speed * self._tick_s if abs(speed) >= self._zone[number] else 0.0
        return self._through_play(number, self._past_stiction(number, way)) / self._tick_s

    def _past_stiction(self, number: int, way: float) -> float:
        if way * self._moving[number] > 0.0:
            return way
        lag = self._lag[number] + way
        moves = abs(lag) > self._stiction[number]
        self._lag[number] = 0.0 if moves else lag
        self._moving[number] = (1.0 if lag > 0.0 else -1.0) if moves else 0.0
        return lag if moves else 0.0

    def _through_play(self, number: int, way: float) -> float:
        half = self._half_play[number]
        lag = self._play[number] + way
        self._play[number] = min(half, max(-half, lag))
        return lag - self._play[number]


def _six(numbers: list[float]) -> Six:
    a, b, c, d, e, f = numbers
    return (a, b, c, d, e, f)
