"""Rules that refuse a bias which would hide a force: during an attempt, and in contact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from der_ros.errors import DerRosError
from der_ros.geometry import Wrench

ATTEMPT_S = 0.5
"""An attempt runs for this long after its newest message, s; they come 20 times a second."""

LOOK_S, PATIENCE_S = 2.0, 60.0
"""Shortest and longest time for a person to look at the tool, s."""


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
    """Decides if a bias may be taken; every time is one of ``time.monotonic``.

    Args:
        limits: of force and torque.
    """

    def __init__(self, limits: BiasLimits) -> None:
        self._allowed = (limits.bias_max_force_n, limits.bias_max_torque_nm)
        self._first = (limits.first_bias_max_force_n, limits.first_bias_max_torque_nm)
        self._attempt_s = float("-inf")
        self._refused_s: dict[str, float] = {}

    def hear_attempt(self, arrived_s: float) -> None:
        """Take a message of a running attempt that arrived at ``arrived_s``."""
        self._attempt_s = arrived_s

    def check_attempt(self, what: str, now_s: float) -> None:
        """Refuse a bias while an attempt runs.

        Args:
            what: the service that is called.
            now_s: time of the call.

        Raises:
            BiasRefusedError: an attempt runs.
        """
        if now_s - self._attempt_s < ATTEMPT_S:
            raise BiasRefusedError(
                f"{what} refused: an attempt runs, and would lose the force that it feels; wait "
                "for its end, or call assembly_supervisor/stop"
            )

    def check_contact(
        self, what: str, now_s: float, felt: Wrench | None, reading: Callable[[], Wrench]
    ) -> None:
        """Refuse a bias in contact.

        After a refusal a second call within ``LOOK_S`` to ``PATIENCE_S`` is accepted: a person has
        looked at the tool. A program that only repeats its call is refused again.

        Args:
            what: the service that is called; a refusal of another one does not count.
            now_s: time of the call.
            felt: wrench since the last bias; None before the first bias.
            reading: returns the wrench before any bias.

        Raises:
            BiasRefusedError: the tool is in contact, or a first bias is taken at a load that no
                tool has.
        """
        if felt is None:
            self._check_first(what, reading())
            return
        excess = _excess(felt, self._allowed)
        since_refusal_s = now_s - self._refused_s.get(what, float("-inf"))
        if excess and not LOOK_S <= since_refusal_s <= PATIENCE_S:
            if since_refusal_s > PATIENCE_S:
                self._refused_s[what] = now_s
            raise BiasRefusedError(
                f"{what} refused: {excess} where nothing touches since the last bias; free the "
                f"tool, or call again {LOOK_S:g} to {PATIENCE_S:g} s from the first refusal if "
                "this is its weight (a tool was changed)"
            )
        self._refused_s.pop(what, None)

    def _check_first(self, what: str, reading: Wrench) -> None:
        if excess := _excess(reading, self._first):
            raise BiasRefusedError(
                f"{what} refused: {excess} of the first bias; free the tool, look at mounting and "
                "scale, or raise first_bias_max_force_n or first_bias_max_torque_nm for its tool"
            )


def _excess(wrench: Wrench, allowed: tuple[float, float]) -> str:
    """Return the excess over ``allowed`` (N, Nm; 0 for any) in words; empty without one."""
    norms = (float(np.linalg.norm(each)) for each in (wrench.force, wrench.torque))
    for unit, value, most in zip(("N", "Nm"), norms, allowed, strict=True):
        if most and value > most:
            return f"{value:.1f} {unit} are felt, expected at most {most:g}"
    return ""
