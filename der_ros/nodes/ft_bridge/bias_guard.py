"""Checks before a bias: no attempt is running, and the tool is not in contact."""

from __future__ import annotations

import time

from rclpy.node import Node
from std_msgs.msg import Empty

from der_ros.control.sensor.bias_rules import BiasRules
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.drivers.netft.conditioning import WrenchConditioner
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.parameters.ft_bridge import BiasParameters


class BiasGuard:
    """Guard that refuses a bias which would hide a contact force.

    Args:
        node: Node that declares the parameters and subscribes.
        path: Conditioner with the readings since the last bias.
        max_age_s: Largest age of the newest reading, s.
        rightful: Watch over the topic ``policy_server/watched``, which signals a running attempt.
    """

    def __init__(
        self, node: Node, path: WrenchConditioner, max_age_s: float, rightful: RightfulTopic
    ) -> None:
        self._path, self._max_age_s = path, max_age_s
        self._rules = BiasRules(declare_settings(node, BiasParameters))
        self._watched = PolledSubscription(node, Empty, WATCHED_TOPIC, 1, rightful=rightful)

    def check(self, what: str = "bias") -> None:
        """Check that a bias may be taken or cleared now.

        Args:
            what: Name of the called service, for the error message.

        Raises:
            BiasRefusedError: An attempt is running, or the tool is in contact.
            ConnectionFailedError: There is no fresh reading.
        """
        self.check_attempt(what)
        now_s = time.monotonic()
        since_bias = self._path.since_bias(now_s, self._max_age_s)
        self._rules.check_contact(
            what, now_s, since_bias, lambda: self._path.mean(now_s, self._max_age_s)
        )

    def check_attempt(self, what: str = "bias") -> None:
        """Check that no attempt is running.

        Args:
            what: Name of the called service, for the error message.

        Raises:
            BiasRefusedError: An attempt is running.
        """
        newest = self._watched.newest()
        if newest is not None:
            self._rules.hear_attempt(newest.arrived_s)
        self._rules.check_attempt(what, time.monotonic())
