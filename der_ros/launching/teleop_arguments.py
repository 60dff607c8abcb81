"""Launch arguments for teleoperation devices."""

from __future__ import annotations

from der_ros.launching.arguments import Argument
from der_ros.parameters.teleop import DeviceParameters


def joystick_argument(condition: str) -> Argument:
    """Return the launch argument that selects the joystick device.

    Args:
        condition: Launch argument that this one depends on, such as ``device:=joy``.
    """
    return Argument.of(
        DeviceParameters,
        "device",
        name="joystick",
        description=f"Joystick device of the game controller ({condition})",
    )
