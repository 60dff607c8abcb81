"""Keeps processes independent of each other: messages go over UDP, not through shared memory.

Fast DDS, ROS 2's default, passes messages on one computer through shared memory. Each process's
queue there has a lock that all its senders take. A process that is killed or suspended while it
holds that lock makes all of them wait: an ``ft_bridge`` that hung kept ``kuka_bridge`` from
answering the robot controller. Over UDP no sender waits for a receiver.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import MutableMapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import rclpy
import rclpy.qos

from der_ros.errors import ConfigurationError

LOOPBACK_PROFILE = Path(__file__).with_name("loopback.xml")
_RANGE, _LOCALHOST_ONLY = "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"
_TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
# Fast DDS 2 (Jazzy) reads the first, Fast DDS 3 (Kilted) the second, and warns of the first.
_PROFILES_2, _PROFILES_3 = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
ADDRESS_VARIABLE = "DER_ROS_DDS_ADDRESS"
"""Variable with the address of the only network interface that ROS 2 uses beside loopback."""
# The user who sets one of these has chosen transports; static peers may be remote.
_CHOICES = (_TRANSPORTS, _PROFILES_2, _PROFILES_3, "ROS_STATIC_PEERS")


_KEPT: list[IO[str]] = []
_INTERFACE_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<profiles>
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>interface</transport_id>
      <type>UDPv4</type>
      <interfaceWhiteList>
        <address>127.0.0.1</address>
        <address>{address}</address>
      </interfaceWhiteList>
    </transport_descriptor>
  </transport_descriptors>
  <participant profile_name="interface" is_default_profile="true">
    <rtps>
      <useBuiltinTransports>false</useBuiltinTransports>
      <userTransports>
        <transport_id>interface</transport_id>
      </userTransports>
    </rtps>
  </participant>
</profiles>
"""


def interface_profile(address: str) -> str:
    """Return the path of a Fast DDS profile that listens on one interface and on loopback alone.

    Args:
        address: IPv4 address of the interface, of this computer.

    Raises:
        ConfigurationError: it is no IPv4 address, or not one of this computer.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ipaddress.IPv4Address(address)), 0))
    except (ValueError, OSError) as error:
        raise ConfigurationError(
            f"{ADDRESS_VARIABLE} (dds_address:=): expected the IPv4 address of a network interface "
            f"of this computer, got {address!r} ({error})"
        ) from error
    # Fast DDS reads the file in rclpy.init; it is removed when this process ends.
    file = NamedTemporaryFile("w", prefix="der_ros_dds_", suffix=".xml", encoding="utf-8")  # noqa: SIM115
    _KEPT.append(file)
    file.write(_INTERFACE_PROFILE.format(address=address))
    file.flush()
    return file.name


def keep_processes_apart(environment: MutableMapping[str, str] = os.environ) -> None:
    """Choose UDP alone for this process and those it starts; call it before ``rclpy.init``.

    Nodes of other packages need no setting: they reach this process over UDP, too. A user's own
    choice of transports, and other middlewares than Fast DDS, are left unchanged.
    """
    if any(environment.get(name) for name in _CHOICES):
        return
    if not rclpy.get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
        return
    if environment.get(_LOCALHOST_ONLY) == "1" or environment.get(_RANGE) == "LOCALHOST":
        # With LOCALHOST ROS 2 always adds shared memory, so the profile does the same without it.
        environment.pop(_LOCALHOST_ONLY, None)
        environment[_RANGE] = "SYSTEM_DEFAULT"
        environment[profiles_variable()] = str(LOOPBACK_PROFILE)
    elif environment.get(ADDRESS_VARIABLE):
        environment[profiles_variable()] = interface_profile(environment[ADDRESS_VARIABLE])
    else:
        environment[_TRANSPORTS] = "UDPv4"


def profiles_variable() -> str:
    """Return the variable by which this ROS 2's Fast DDS finds its profiles."""
    # ROS 2's wheels do not set ROS_DISTRO. Jazzy's rclpy does not have this name yet.
    return _PROFILES_3 if hasattr(rclpy.qos, "qos_profile_rosout_default") else _PROFILES_2
