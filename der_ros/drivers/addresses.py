"""Addresses of devices: checked, and told apart from those of this computer."""

from __future__ import annotations

import ipaddress

from der_ros.errors import ConfigurationError


def require_ipv4(name: str, text: str) -> None:
    """Check that a text is an IPv4 address, by which the sender of each datagram is compared.

    Args:
        name: Name of the parameter.
        text: Value of the parameter.

    Raises:
        ConfigurationError: The text is none, such as the name of a computer.
    """
    try:
        ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}: expected an IPv4 address, got {text!r}") from error


def is_loopback(address: str) -> bool:
    """Return True for an address 127.x.x.x, which only a simulated device on this computer has."""
    return address.startswith("127.")
