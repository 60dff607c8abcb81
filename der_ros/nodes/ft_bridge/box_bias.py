"""A bias in the Net F/T box, which does not confirm it."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from der_ros.drivers.netft.conditioning import WrenchConditioner
from der_ros.errors import ConnectionFailedError
from der_ros.geometry import Wrench

ANSWER_S = 1.0
"""Time that the box has to take its bias, with this node's filter, s."""
_LEFT = 0.1
"""Share of the reading of before that is left at most once the box has taken its bias."""
_NOISE = (1.0, 0.1)
"""A reading within this of zero, N and Nm, is zero."""
_POLL_S = 0.002


class BiasedBox(Protocol):
    """The part of a client of the box that is used."""

    def bias(self) -> None:
        """Tell the box to take its present reading as zero."""
        ...


def bias_box(box: BiasedBox, path: WrenchConditioner, max_age_s: float) -> None:
    """Bias the box, and return once its readings are about zero.

    The command can get lost. So the next bias is compared with these readings only after that.

    Args:
        box: to bias.
        path: conditioner of its readings.
        max_age_s: largest age of the newest reading.

    Raises:
        ConnectionFailedError: there is no fresh reading, no stream, or the box has not taken its
            bias within ``ANSWER_S``; the one of before still holds for comparison then.
    """
    before = path.mean(time.monotonic(), max_age_s)
    told_s = time.monotonic()
    box.bias()
    newest = None
    while newest is None or not _is_zero(newest[1], before):
        if time.monotonic() - told_s > ANSWER_S:
            raise ConnectionFailedError(
                f"bias: expected the box to take its reading as zero within {ANSWER_S:g} s, its "
                "readings are as before; call again"
            )
        time.sleep(_POLL_S)
        newest = path.newest_since(told_s)
    path.box_is_zero(newest[0])


def _is_zero(reading: Wrench, before: Wrench) -> bool:
    pairs = ((reading.force, before.force), (reading.torque, before.torque))
    return all(
        np.linalg.norm(now) <= max(_LEFT * float(np.linalg.norm(then)), noise)
        for (now, then), noise in zip(pairs, _NOISE, strict=True)
    )
