"""Keeps the middleware from tying processes together by locks that they share.

Fast DDS, ROS 2's default, hands messages on one computer through shared memory, and each process's
queue there has a lock that all who send to it take. Whoever is killed, stopped or only sent to
sleep by a busy computer while it holds that lock keeps all of them waiting: with shared memory, an
``ft_bridge`` that hung at a bad moment kept ``kuka_bridge`` from answering the robot controller.
Over UDP nobody waits for a receiver.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import rclpy

LOOPBACK_PROFILE = Path(__file__).with_name("loopback.xml")
_RANGE, _LOCALHOST_ONLY = "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"
_TRANSPORTS, _PROFILES = "FASTDDS_BUILTIN_TRANSPORTS", "FASTRTPS_DEFAULT_PROFILES_FILE"
# Somebody who sets one of these has chosen transports; static peers may be on other computers.
_CHOICES = (_TRANSPORTS, _PROFILES, "FASTDDS_DEFAULT_PROFILES_FILE", "ROS_STATIC_PEERS")


def keep_processes_apart(environment: MutableMapping[str, str] = os.environ) -> None:
    """Chooses UDP alone for this process and those it starts; call it before ``rclpy.init``.

    Nodes of other packages need nothing for it: they reach this process by UDP, too. What a user
    has chosen, and other middlewares than Fast DDS, are left alone.
    """
    if any(environment.get(name) for name in _CHOICES):
        return
    if not rclpy.get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
        return
    if environment.get(_LOCALHOST_ONLY) == "1" or environment.get(_RANGE) == "LOCALHOST":
        # With LOCALHOST ROS 2 adds shared memory whatever Fast DDS is told, so the profile does
        # what LOCALHOST does.
        environment.pop(_LOCALHOST_ONLY, None)
        environment[_RANGE] = "SYSTEM_DEFAULT"
        environment[_PROFILES] = str(LOOPBACK_PROFILE)
    else:
        environment[_TRANSPORTS] = "UDPv4"
