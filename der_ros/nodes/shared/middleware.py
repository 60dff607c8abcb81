"""Selection of UDP instead of shared memory as the transport between processes.

Fast DDS, ROS 2's default, passes messages on one computer through shared memory. Each process has
a queue there, with a lock that all senders take. A process that is killed or suspended while it
holds the lock blocks all of them: an ``ft_bridge`` that hung kept ``kuka_bridge`` from answering
the robot controller. Over UDP, no sender waits for a receiver.
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
# Fast DDS 2 (Jazzy) reads the first; Fast DDS 3 (Kilted) reads the second and warns of the first.
_PROFILES_2, _PROFILES_3 = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
ADDRESS_VARIABLE = "DER_ROS_DDS_ADDRESS"
"""Variable with the IPv4 address of the only interface that ROS 2 uses besides loopback."""
# If the user sets one of these, transports stay unchanged; static peers may be remote.
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
    """Write a Fast DDS profile that uses only one interface and loopback; return its path.

    Args:
        address: IPv4 address of an interface of this computer.

    Raises:
        ConfigurationError: The text is no IPv4 address, or no address of this computer.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ipaddress.IPv4Address(address)), 0))
    except (ValueError, OSError) as error:
        raise ConfigurationError(
            f"{ADDRESS_VARIABLE} (dds_address:=): expected the IPv4 address of a network interface "
            f"of this computer, got {address!r} ({error})"
        ) from error
    # Fast DDS reads the file in rclpy.init; the file is deleted when this process exits.
    file = NamedTemporaryFile("w", prefix="der_ros_dds_", suffix=".xml", encoding="utf-8")  # noqa: SIM115
    _KEPT.append(file)
    file.write(_INTERFACE_PROFILE.format(address=address))
    file.flush()
    return file.name


def keep_processes_apart(environment: MutableMapping[str, str] = os.environ) -> None:
    """Select UDP as the only transport of this process and its children.

    Call it before ``rclpy.init``. Nodes of other packages need no setting, because they also offer
    UDP. A transport that the user selected, or a middleware other than Fast DDS, stays unchanged.
    """
    if any(environment.get(name) for name in _CHOICES):
        return
    if not rclpy.get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
        return
    if environment.get(_LOCALHOST_ONLY) == "1" or environment.get(_RANGE) == "LOCALHOST":
        # With LOCALHOST, ROS 2 always adds shared memory; the loopback profile does not.
        environment.pop(_LOCALHOST_ONLY, None)
        environment[_RANGE] = "SYSTEM_DEFAULT"
        environment[profiles_variable()] = str(LOOPBACK_PROFILE)
    elif environment.get(ADDRESS_VARIABLE):
        environment[profiles_variable()] = interface_profile(environment[ADDRESS_VARIABLE])
    else:
        environment[_TRANSPORTS] = "UDPv4"


def profiles_variable() -> str:
    """Return the environment variable from which the installed Fast DDS reads its profiles."""
    # ROS 2's wheels do not set ROS_DISTRO; the name below is missing in Jazzy's rclpy.
    return _PROFILES_3 if hasattr(rclpy.qos, "qos_profile_rosout_default") else _PROFILES_2
