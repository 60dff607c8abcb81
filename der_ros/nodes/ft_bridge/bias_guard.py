"""Applies the rules for a bias to the sensor's readings and to the messages of an attempt."""

from __future__ import annotations

import time

from rclpy.node import Node
from std_msgs.msg import Empty

from der_ros.control.bias_rules import BiasRules
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.drivers.netft.conditioning import WrenchConditioner
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.parameters.ft_bridge import BiasParameters


class BiasGuard:
    """Refuses a bias that would hide a force.

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
        self._rules = BiasRules(declare_settings(node, BiasParameters))
        self._watched = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)

    def check(self, what: str = "bias") -> None:
        """Return if a bias may be taken, or the present one be undone.

        Args:
            what: the service that is called.

        Raises:
            BiasRefusedError: an attempt runs, or the tool is in contact.
            ConnectionFailedError: there is no fresh reading.
        """
        self.check_attempt(what)
        now_s = time.monotonic()
        felt = self._path.since_bias(now_s, self._max_age_s)
        self._rules.check_contact(
            what, now_s, felt, lambda: self._path.mean(now_s, self._max_age_s)
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
            self._rules.hear_attempt(newest.arrived_s)
        self._rules.check_attempt(what, time.monotonic())
