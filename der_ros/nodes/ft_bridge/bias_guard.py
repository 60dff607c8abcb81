"""Refuses a bias that would hide a force: during an attempt, and in contact."""

from __future__ import annotations

import time

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Empty

from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.drivers.netft.conditioning import WrenchConditioner
from der_ros.errors import DerRosError
from der_ros.geometry import Wrench
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.parameters.ft_bridge import BiasParameters

ATTEMPT_S = 0.5
"""An attempt runs for this long after its newest message, s; they come 20 times a second."""


LOOK_S, PATIENCE_S = 2.0, 60.0
"""Shortest and longest time for a person to look at the tool, s."""


class BiasRefusedError(DerRosError, RuntimeError):
    """A bias now would hide a force; the message is the reason."""


class BiasGuard:
    """Decides if a bias may be taken now.

    Args:
        node: that declares the parameters and subscribes.
        path: with the readings since the last bias.
        max_age_s: age of the newest reading at most.
        rightful: decides which node may publish that an attempt runs.
    """

    def __init__(
        self, node: Node, path: WrenchConditioner, max_age_s: float, rightful: RightfulTopic
    ) -> None:
        self._path, self._max_age_s = path, max_age_s
        given = declare_settings(node, BiasParameters)
        self._allowed = (given.bias_max_force_n, given.bias_max_torque_nm)
        self._first = (given.first_bias_max_force_n, given.first_bias_max_torque_nm)
        self._watched = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)
        self._attempt_s = float("-inf")
        self._refused_s: dict[str, float] = {}

    def check(self, what: str = "bias") -> None:
        """Return if a bias may be taken, or the present one be undone.

        After a refusal in contact a second call within ``LOOK_S`` to ``PATIENCE_S`` is accepted: a
        person has looked at the tool. A program that only repeats its call is refused again.

        Args:
            what: the service that is called; a refusal of another one does not count.

        Raises:
            BiasRefusedError: an attempt runs, or the tool is in contact.
        """
        self.check_attempt(what)
        felt = self._path.since_bias(time.monotonic(), self._max_age_s)
        if felt is None:
            self._check_first(what)
            return
        excess = _excess(felt, self._allowed)
        since_refusal_s = time.monotonic() - self._refused_s.get(what, float("-inf"))
        if excess and not LOOK_S <= since_refusal_s <= PATIENCE_S:
            if since_refusal_s > PATIENCE_S:
                self._refused_s[what] = time.monotonic()
            raise BiasRefusedError(
                f"{what} refused: {excess} where nothing touches since the last bias; free the "
                f"tool, or call again {LOOK_S:g} to {PATIENCE_S:g} s from the first refusal if "
                "this is its weight (a tool was changed)"
            )
        self._refused_s.pop(what, None)

    def _check_first(self, what: str) -> None:
        """Refuse a first bias at a load that no tool has."""
        reading = self._path.mean(time.monotonic(), self._max_age_s)
        if excess := _excess(reading, self._first):
            raise BiasRefusedError(
                f"{what} refused: {excess} of the first bias; free the tool, look at mounting and "
                "scale, or raise first_bias_max_force_n or first_bias_max_torque_nm for its tool"
            )

    def check_attempt(self, what: str = "bias") -> None:
        """Refuse a bias while an attempt runs.

        Args:
            what: the service that is called.

        Raises:
            BiasRefusedError: an attempt runs.
        """
        newest = self._watched.newest()
        if newest is not None:
            self._attempt_s = newest.arrived_s
        if time.monotonic() - self._attempt_s < ATTEMPT_S:
            raise BiasRefusedError(
                f"{what} refused: an attempt runs, and would lose the force that it feels; wait "
                "for its end, or call assembly_supervisor/stop"
            )


def _excess(wrench: Wrench, allowed: tuple[float, float]) -> str:
    """Return the excess over ``allowed`` (N, Nm; 0 for any) in words; empty without one."""
    norms = (float(np.linalg.norm(each)) for each in (wrench.force, wrench.torque))
    for unit, value, most in zip(("N", "Nm"), norms, allowed, strict=True):
        if most and value > most:
            return f"{value:.1f} {unit} are felt, expected at most {most:g}"
    return ""
