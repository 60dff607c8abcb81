"""Launch arguments for teleoperation devices, and the terminal of a launch."""

from __future__ import annotations

import os
from contextlib import suppress

from der_ros.errors import ConfigurationError
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


def terminal_in_front() -> str:
    """Return the path of the terminal in whose foreground this process runs.

    A launch starts its nodes in sessions of their own, in which ``/dev/tty`` is none.

    Raises:
        ConfigurationError: There is no such terminal.
    """
    for descriptor in range(3):
        with suppress(OSError):  # no terminal
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return os.ttyname(descriptor)
    raise ConfigurationError(
        "expected a launch in the foreground of a terminal, whose keyboard is read; elsewhere use "
        "device:=topic axis_map:=keyboard, and teleop_device in a terminal of its own"
    )
