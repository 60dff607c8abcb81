"""Rules that refuse a bias during an attempt or in contact, where it would hide a force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from der_ros.errors import DerRosError
from der_ros.geometry import Wrench

ATTEMPT_S = 0.5
"""Time after the newest message of an attempt for which it counts as running, s (20 Hz)."""

INSPECTION_S, PATIENCE_S = 2.0, 60.0
"""Shortest and longest time from a refusal to an accepted repetition by an operator, s."""


class BiasRefusedError(DerRosError, RuntimeError):
    """A bias is refused because it would hide a force; the message is the reason."""


class BiasLimits(Protocol):
    """Largest force and torque at which a bias is taken; 0 for any."""

    @property
    def bias_max_force_n(self) -> float:
        """Largest force since the last bias, N."""
        ...

    @property
    def bias_max_torque_nm(self) -> float:
        """Largest torque since the last bias, Nm."""
        ...

    @property
    def first_bias_max_force_n(self) -> float:
        """Largest force of a first bias, N."""
        ...

    @property
    def first_bias_max_torque_nm(self) -> float:
        """Largest torque of a first bias, Nm."""
        ...


class BiasRules:
    """Rules for taking a bias; all times are ``time.monotonic``.

    Args:
        limits: Limits of force and torque.
    """

    def __init__(self, limits: BiasLimits) -> None:
        self._allowed = (limits.bias_max_force_n, limits.bias_max_torque_nm)
        self._first = (limits.first_bias_max_force_n, limits.first_bias_max_torque_nm)
        self._attempt_s = float("-inf")
        self._refused_s: dict[str, float] = {}

    def hear_attempt(self, arrived_s: float) -> None:
        """Record the arrival of a message of a running attempt, s."""
        self._attempt_s = arrived_s

    def check_attempt(self, what: str, now_s: float) -> None:
        """Refuse a bias while an attempt runs.

        Args:
            what: Name of the called service.
            now_s: Time of the call, s.

        Raises:
            BiasRefusedError: An attempt is running.
        """
        if now_s - self._attempt_s < ATTEMPT_S:
            raise BiasRefusedError(
                f"{what} refused: an attempt runs, and a bias would remove the contact force from "
                "its readings; wait for its end, or call assembly_supervisor/stop"
            )

    def check_contact(
        self, what: str, now_s: float, felt: Wrench | None, reading: Callable[[], Wrench]
    ) -> None:
        """Refuse a bias while the tool is in contact.

        A second call between ``INSPECTION_S`` and ``PATIENCE_S`` after a refusal is accepted,
        because an operator has had time to check the tool. A program that repeats its call at once
        is refused again.

        Args:
            what: Name of the called service; refusals are counted per service.
            now_s: Time of the call, s.
            felt: Wrench since the last bias; None before the first bias.
            reading: Function that returns the wrench without any bias.

        Raises:
            BiasRefusedError: The tool is in contact, or the load at a first bias exceeds that of
                any tool.
        """
        if felt is None:
            self._check_first(what, reading())
            return
        excess = excess_of(felt, self._allowed)
        since_refusal_s = now_s - self._refused_s.get(what, float("-inf"))
        if excess and not INSPECTION_S <= since_refusal_s <= PATIENCE_S:
            if since_refusal_s > PATIENCE_S:
                self._refused_s[what] = now_s
            raise BiasRefusedError(
                f"{what} refused: {excess} since the last bias; free the tool, or, if this is the "
                f"weight of another tool, call again {INSPECTION_S:g} to {PATIENCE_S:g} s from the "
                "first refusal"
            )
        self._refused_s.pop(what, None)

    def _check_first(self, what: str, reading: Wrench) -> None:
        if excess := excess_of(reading, self._first):
            raise BiasRefusedError(
                f"{what} refused: {excess} at the first bias; free the tool, check mounting and "
                "scale, or raise first_bias_max_force_n or first_bias_max_torque_nm for a heavy "
                "tool"
            )


def excess_of(wrench: Wrench, allowed: tuple[float, float]) -> str:
    """Return a message if a wrench exceeds ``allowed`` (N, Nm; 0 for no limit), else empty."""
    norms = (float(np.linalg.norm(each)) for each in (wrench.force, wrench.torque))
    for unit, value, most in zip(("N", "Nm"), norms, allowed, strict=True):
        if most and value > most:
            digits = 1 if most >= 1.0 else 2
            return f"{value:.{digits}f} {unit} are felt, expected at most {most:g}"
    return ""
