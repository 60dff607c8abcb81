"""Bias of the sensor before an attempt, checked by the readings after it and repeated once."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from der_ros.control.sensor.bias_rules import excess_of
from der_ros.geometry import Wrench
from der_ros.policy.rest import RestLimits

logger = logging.getLogger("assembly_supervisor")


class BiasReading(NamedTuple):
    """Wrench at rest before an attempt, after the newest bias.

    Attributes:
        force_n: Norm of the mean force, N; NaN if it was not measured.
        torque_nm: Norm of the mean torque about the sensor's origin, Nm; NaN if it was not
            measured.
        bias_retaken: True if the bias was taken a second time.
    """

    force_n: float = math.nan
    torque_nm: float = math.nan
    bias_retaken: bool = False


class BiasCheck:
    """Bias that is repeated once if the sensor does not read about zero after it.

    A single bias can be wrong without an error: it is the mean of a tenth of a second or less, in
    which an arm may vibrate or the piece may swing, and a sensor can drift or restart after it.

    Args:
        limits: Largest wrench at rest.
        take_bias: Function that biases the sensor.
        mean_at_rest: Function that measures the mean wrench of a short time at rest.

    Attributes:
        reading: Wrench at rest of the latest ``bias``.
    """

    def __init__(
        self,
        limits: RestLimits,
        take_bias: Callable[[], object],
        mean_at_rest: Callable[[], Wrench],
    ) -> None:
        self._allowed = (limits.force_n, limits.torque_nm)
        self._take_bias, self._mean_at_rest = take_bias, mean_at_rest
        self.reading = BiasReading()

    def forget(self) -> None:
        """Drop the reading of the attempt before."""
        self.reading = BiasReading()

    def bias(self) -> str:
        """Bias the sensor, at most twice.

        Returns:
            Message about the wrench that remains at rest after the second bias; empty if none
            remains.
        """
        self.forget()
        self._take_bias()
        excess = self._measure()
        if not excess:
            return ""
        logger.warning("at rest after the bias, %s; the bias is taken again", excess)
        self._take_bias()
        self.reading = BiasReading(bias_retaken=True)
        return self._measure()

    def _measure(self) -> str:
        mean = self._mean_at_rest()
        self.reading = self.reading._replace(
            force_n=float(np.linalg.norm(mean.force)), torque_nm=float(np.linalg.norm(mean.torque))
        )
        return excess_of(mean, self._allowed)
