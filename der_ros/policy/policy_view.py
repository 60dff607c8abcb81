"""The numbers that a policy's network gets: the newest observation, and how earlier ones differ.

An observation shows one moment. Late readings, a biased sensor and an edge that was felt a moment
ago show only beside earlier ones, so a policy may be given some: with lags ``k_1, k_2, …`` it gets

    [ f_t,  f_t - f_(t - k_1),  f_t - f_(t - k_2),  … ]

where ``f`` is an observation in the view's orientation and ``t`` counts the actions of the attempt.
Before its beginning all is as it was at the first one, so a lag longer than any attempt compares
with the first observation: what the sensor reads of a piece that touches nothing.

The orientation ``quaternion`` is the observation's own, whose sign jumps where a turn passes 180
degrees. ``axes`` has no jump: with R the rotation and psi its turn about z, the four numbers are

    R_xz,  R_yz,  sin(k psi),  cos(k psi)

``k`` turns of a symmetric piece look alike, and then look alike here, too. A round piece (k = 0)
shows no turn at all.
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
"""Forms in which a network may get the rotation of the held piece."""
FRAME_SIZE = 13
Policy: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An observation (13,) to an action (6,)."""
MAX_LAGS, MAX_LAG = 16, 1000


class PolicyView:
    """View of one attempt: takes observations in turn and returns what the network gets.

    Args:
        lags: actions between the newest observation and the earlier ones that it is compared with,
            ascending.
        orientation: one of ``ORIENTATIONS``.
        symmetry: of the held piece, for ``axes``.

    Attributes:
        size: numbers that the network gets.

    Raises:
        ConfigurationError: lags or orientation are not of those.
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
        """True where the network gets each observation as it is."""
        return not self.lags and self.orientation == "quaternion"

    def begin(self) -> None:
        """Forget the attempt so far."""
        self._frames.clear()
        self._first = None

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's numbers, (size,) float32, at the next observation, (13,)."""
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
        """Return the network's numbers, (T, size), of a whole attempt's observations, (T, 13)."""
        self.begin()
        return np.stack([self(observation) for observation in observations])

    def frames(self) -> list[list[float]]:
        """Return the remembered frames, the first of the attempt before the others."""
        if self._first is None:
            return []
        return [frame.tolist() for frame in (self._first, *self._frames)]

    def restore(self, frames: Sequence[Sequence[float]]) -> None:
        """Go on with what ``frames`` returned."""
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
    """Return the orientation ``axes`` of a unit quaternion, xyzw; see the module.

    The turn about z is that of the twist of a swing-twist decomposition. Where it is undefined,
    at a tilt of 180 degrees, it counts as none.
    """
    x, y, z, w = quaternion
    length = z * z + w * w
    turn = complex(w, z) ** 2 / length if length > 0.0 else complex(1.0, 0.0)
    turned = turn**symmetry
    return 2.0 * (x * z + w * y), 2.0 * (y * z - w * x), turned.imag, turned.real


def check_view(lags: Sequence[int], orientation: str) -> None:
    """Check what a view is made of.

    Raises:
        ConfigurationError: too many lags, one that is not a whole number in range, not ascending,
            or an unknown orientation.
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


def for_attempt(policy: Policy) -> Policy:
    """Return a policy at the beginning of an attempt; one that remembers nothing is as it is."""
    begin = getattr(policy, "for_attempt", None)
    return policy if begin is None else cast(Policy, begin())
