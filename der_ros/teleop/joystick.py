"""Reads a game controller from the Linux joystick device (``/dev/input/js*``).

The event format is the kernel's (Documentation/input/joydev/joystick-api.rst): eight bytes with
time, value, type and number. After opening, the driver sends the state of every axis and button
once.
"""

from __future__ import annotations

import os
import select
import struct
from pathlib import Path

from der_ros.errors import DerRosError

_EVENT = struct.Struct("=IhBB")
_BUTTON, _AXIS, _INITIAL = 0x01, 0x02, 0x80
_FULL = 32767.0
_READ_EVENTS = 64


class DeviceError(DerRosError, OSError):
    """The device does not exist, cannot be read, or was unplugged."""


class Joystick:
    """A game controller, read without blocking.

    Args:
        path: Path of the device file.

    Attributes:
        axes: Latest axis readings, each -1 to 1.
        buttons: Latest button states, 0 or 1 each.

    Raises:
        DeviceError: The device cannot be opened; the message says what to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.axes: list[float] = []
        self.buttons: list[int] = []
        self._rest = b""
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise DeviceError(
                f"no game controller at {path} ({error.strerror}); plug one in, give its path as "
                "the parameter device, or check that you may read it (group input)"
            ) from error

    def wait(self, timeout_s: float) -> None:
        """Wait at most ``timeout_s`` for events, and process those that are available.

        Raises:
            DeviceError: The device was unplugged.
        """
        if not select.select([self._file], [], [], timeout_s)[0]:
            return
        try:
            data = os.read(self._file, _READ_EVENTS * _EVENT.size)
        except OSError as error:
            raise DeviceError(f"the game controller has gone ({error.strerror})") from error
        if not data:
            raise DeviceError("the game controller has gone")
        data = self._rest + data
        whole = len(data) - len(data) % _EVENT.size
        self._rest = data[whole:]
        for _, value, kind, number in _EVENT.iter_unpack(data[:whole]):
            self._take(value, kind & ~_INITIAL, number)

    def _take(self, value: int, kind: int, number: int) -> None:
        if kind == _AXIS:
            # In ROS left and up are positive, in the kernel right and down.
            _put(self.axes, number, -max(-1.0, value / _FULL), 0.0)
        elif kind == _BUTTON:
            _put(self.buttons, number, int(value != 0), 0)

    def close(self) -> None:
        """Close the device."""
        os.close(self._file)


def _put(values: list, number: int, value: float, filler: float) -> None:  # type: ignore[type-arg]
    values += [filler] * (number + 1 - len(values))
    values[number] = value
