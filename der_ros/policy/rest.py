"""Largest wrench at rest, where the held piece touches nothing; more means a wrong bias."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting


@dataclass(frozen=True)
class RestLimits:
    """Largest mean force and torque at rest after the bias, sensor axes; 0 for any.

    The defaults are twice the standard deviation of the bias error per axis in the preset
    ``deploy`` (1 N, 0.05 Nm), with which policies are trained. At the usual lever of 0.12 m they
    add up to 0.34 Nm about the tcp, below the smallest soft torque of a task (0.5 Nm), so the
    motion governor does not turn a piece in free air. 2 N is half of ``home_felt_n``. The noise of
    a reading (0.5 N, 0.02 Nm) is 0.05 N and 0.002 Nm in a mean of 100 readings.
    """

    force_n: float = setting(
        2.0,
        "Mean force at rest after the bias, where nothing touches, beyond which the bias is taken "
        "again, once; 0: any is allowed",
        unit="N",
        minimum=0.0,
        maximum=1000.0,
        name="rest_force_n",
    )
    torque_nm: float = setting(
        0.1,
        "Mean torque at rest after the bias beyond which it is taken again; 0: any is allowed",
        unit="Nm",
        minimum=0.0,
        maximum=100.0,
        name="rest_torque_nm",
    )
