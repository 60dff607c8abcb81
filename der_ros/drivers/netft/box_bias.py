"""Bias inside the Net F/T box, confirmed by its readings because the box sends no response."""

from __future__ import annotations

import time

import numpy as np

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.conditioning import WrenchConditioner
from der_ros.errors import ConnectionFailedError
from der_ros.geometry import Wrench

ANSWER_S = 1.0
"""Time within which the box must apply its bias, with the delay of the conditioner's filter, s."""
_LEFT = 0.1
"""Largest remaining fraction of the previous reading after a bias."""
_NOISE = (1.0, 0.1)
"""Force and torque below which a reading counts as zero, N and Nm."""
_POLL_S = 0.002


def bias_box(box: NetFtClient, path: WrenchConditioner, max_age_s: float) -> None:
    """Bias the box and wait until its readings are close to zero.

    The command can be lost. The conditioner's reference for the next bias is therefore updated only
    after the readings confirm the bias.

    Args:
        box: Client of the box.
        path: Conditioner of its readings.
        max_age_s: Largest age of the newest reading, s.

    Raises:
        ConnectionFailedError: There is no fresh reading or no stream, or the box has not applied
            the bias within ``ANSWER_S``; the previous reference then remains.
    """
    before = path.mean(time.monotonic(), max_age_s)
    commanded_s = time.monotonic()
    box.bias()
    newest = None
    while newest is None or not _is_zero(newest[1], before):
        if time.monotonic() - commanded_s > ANSWER_S:
            raise ConnectionFailedError(
                f"bias: expected the box to take its reading as zero within {ANSWER_S:g} s, its "
                "readings are as before; call again"
            )
        time.sleep(_POLL_S)
        newest = path.newest_since(commanded_s)
    path.box_is_zero(newest[0])


def _is_zero(reading: Wrench, before: Wrench) -> bool:
    pairs = ((reading.force, before.force), (reading.torque, before.torque))
    return all(
        np.linalg.norm(now) <= max(_LEFT * float(np.linalg.norm(then)), noise)
        for (now, then), noise in zip(pairs, _NOISE, strict=True)
    )
