"""Input of a policy's network: the newest observation and its differences from earlier ones.

A single observation does not show delays, sensor bias or a contact of a moment ago, so a policy may
use earlier observations. With lags ``k_1, k_2, …`` the input is

    [ f_t,  f_t - f_(t - k_1),  f_t - f_(t - k_2),  … ]

where ``f`` is an observation with the rotation in the view's representation and ``t`` counts the
actions of the attempt. Observations before the attempt equal the first one, so a lag longer than
any attempt compares with the first observation, taken while the piece touches nothing.

The orientation ``quaternion`` is the observation's own; its sign jumps where a rotation passes 180
degrees. ``axes`` is continuous there: with R the rotation matrix and psi the rotation about z, the
four numbers are

    R_xz,  R_yz,  sin(k psi),  cos(k psi)

The k equivalent orientations of a symmetric piece give the same numbers. For a round piece (k = 0)
the numbers do not depend on psi.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.policy.symmetry import ROTATION

ORIENTATIONS = ("quaternion", "axes")
"""Representations of the held piece's rotation in a network's input."""
FRAME_SIZE = 13
Policy: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Function from an observation, (13,), to an action, (6,)."""
MAX_LAGS, MAX_LAG = 16, 1000


class PolicyView:
    """Conversion of an attempt's successive observations to network inputs.

    Args:
        lags: Numbers of actions between the newest observation and the earlier ones, ascending.
        orientation: Representation of the rotation, one of ``ORIENTATIONS``.
        symmetry: Rotational symmetry of the held piece, used by ``axes``.

    Attributes:
        size: Number of elements in the network's input.

    Raises:
        ConfigurationError: The lags or the orientation are invalid.
    """

    def __init__(
        self, lags: Sequence[int] = (), orientation: str = "quaternion", symmetry: int = 1
    ) -> None:
        check_view(lags, orientation)
        self.lags, self.orientation, self.symmetry = tuple(lags), orientation, symmetry
        self.size = FRAME_SIZE * (1 + len(self.lags))
        self._frames: deque[NDArray[np.float32]] = deque(maxlen=1 + max(self.lags, default=0))
        self._first: NDArray[np.float32] | None = None

    @property
    def is_plain(self) -> bool:
        """True if the network gets each observation unchanged."""
        return not self.lags and self.orientation == "quaternion"

    def begin(self) -> None:
        """Begin a new attempt: clear the remembered observations."""
        self._frames.clear()
        self._first = None

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's input, (size,) float32, for the next observation, (13,)."""
        frame = self._oriented(observation)
        if not self.lags:
            return frame
        if self._first is None:
            self._first = frame
        self._frames.append(frame)
        newest = len(self._frames) - 1
        parts = [frame]
        for lag in self.lags:
            earlier = self._first if lag > newest else self._frames[newest - lag]
            parts.append(frame - earlier)
        return np.concatenate(parts)

    def episode(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network inputs, (T, size), for a whole attempt's observations, (T, 13)."""
        self.begin()
        return np.stack([self(observation) for observation in observations])

    def frames(self) -> list[list[float]]:
        """Return the remembered frames, beginning with the first of the attempt."""
        if self._first is None:
            return []
        return [frame.tolist() for frame in (self._first, *self._frames)]

    def restore(self, frames: Sequence[Sequence[float]]) -> None:
        """Restore the frames that ``frames`` returned."""
        self.begin()
        if frames:
            first, *kept = (np.array(frame, np.float32) for frame in frames)
            self._first = first
            self._frames.extend(kept)

    def _oriented(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        frame = observation.astype(np.float32)
        if self.orientation == "axes":
            frame[ROTATION] = axes(observation[ROTATION].tolist(), self.symmetry)
        return frame


def axes(quaternion: Sequence[float], symmetry: int) -> tuple[float, float, float, float]:
    """Convert a unit quaternion, xyzw, to the orientation ``axes``; see the module.

    The rotation about z is the twist of a swing-twist decomposition. At a tilt of 180 degrees,
    where it is undefined, it is taken as 0.
    """
    x, y, z, w = quaternion
    length = z * z + w * w
    turn = complex(w, z) ** 2 / length if length > 0.0 else complex(1.0, 0.0)
    turned = turn**symmetry
    return 2.0 * (x * z + w * y), 2.0 * (y * z - w * x), turned.imag, turned.real


def check_view(lags: Sequence[int], orientation: str) -> None:
    """Check the lags and the orientation of a view.

    Raises:
        ConfigurationError: The lags are too many, not whole numbers in range or not ascending, or
            the orientation is unknown.
    """
    ascending = all(type(lag) is int and 1 <= lag <= MAX_LAG for lag in lags)
    ascending = ascending and list(lags) == sorted(set(lags)) and len(lags) <= MAX_LAGS
    if not ascending:
        raise ConfigurationError(
            f"history: expected at most {MAX_LAGS} ascending whole numbers from 1 to {MAX_LAG}, "
            f"got {list(lags)}"
        )
    if orientation not in ORIENTATIONS:
        raise ConfigurationError(
            f"orientation: expected one of {', '.join(ORIENTATIONS)}, got {orientation!r}"
        )


def for_attempt(policy: Policy, action_repeat: int = 1) -> Policy:
    """Return the policy reset for a new attempt, or unchanged if it has no memory.

    Args:
        policy: Policy, or a pilot, which acts in each period.
        action_repeat: Number of control periods for which a policy keeps each action.
    """
    begin = getattr(policy, "for_attempt", None)
    return policy if begin is None else cast(Policy, begin(action_repeat))
