"""Launch arguments of a person's device."""

from __future__ import annotations

from der_ros.launching.arguments import Argument
from der_ros.parameters.teleop import DeviceParameters


def joystick_argument(condition: str) -> Argument:
    """Return the argument that names the joystick device.

    Args:
        condition: the argument with which it counts, such as ``device:=joy``.
    """
    return Argument.of(
        DeviceParameters,
        "device",
        name="joystick",
        description=f"Joystick device of the game controller ({condition})",
    )
