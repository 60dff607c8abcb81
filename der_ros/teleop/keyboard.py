"""Reads a terminal's keyboard as a device with six axes and seven buttons.

A terminal reports key presses but no releases, so a key counts as held for ``HOLD_S`` after each
press or repeat. A held motion key also presses the dead-man button, slightly before its axis moves,
because the gate requires that order.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from typing import Any

from der_ros.teleop.axis_map import DIRECTIONS
from der_ros.teleop.joystick import DeviceError

HOLD_S = 0.12
# Longer than the reading period, so that at least one reading has the button without an axis.
_BUTTON_FIRST_S = 0.03
_KEYS = {
    "w": (0, 1.0),
    "s": (0, -1.0),
    "a": (1, 1.0),
    "d": (1, -1.0),
    "r": (2, 1.0),
    "f": (2, -1.0),
    "l": (3, 1.0),
    "j": (3, -1.0),
    "i": (4, 1.0),
    "k": (4, -1.0),
    "q": (5, 1.0),
    "e": (5, -1.0),
}
_BUTTONS = {"-": 1, "+": 2, "\r": 3, "\n": 3, "y": 4, "x": 5, "n": 6}
_DEAD_MAN, _BUTTON_COUNT = 0, 7


class KeyStates:
    """Held keys as axes and buttons; the caller passes the time."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}
        self._since_s = float("-inf")

    def press(self, keys: str, now_s: float) -> None:
        """Register keys pressed at ``now_s``."""
        if not self._held(now_s):
            self._since_s = now_s
        for key in keys.lower():
            if key in _KEYS or key in _BUTTONS:
                self._until_s[key] = now_s + HOLD_S

    def axes(self, now_s: float) -> list[float]:
        """Return the six axes, each -1, 0 or 1, at ``now_s``."""
        axes = [0.0] * len(DIRECTIONS)
        if now_s - self._since_s < _BUTTON_FIRST_S:
            return axes
        for key in self._held(now_s):
            if key in _KEYS:
                index, value = _KEYS[key]
                axes[index] += value
        return axes

    def buttons(self, now_s: float) -> list[int]:
        """Return the seven buttons, 0 or 1 each, at ``now_s``."""
        buttons = [0] * _BUTTON_COUNT
        for key in self._held(now_s):
            buttons[_BUTTONS.get(key, _DEAD_MAN)] = 1
        return buttons

    def _held(self, now_s: float) -> list[str]:
        return [key for key, until_s in self._until_s.items() if now_s <= until_s]


class Keyboard:
    """The keyboard of a terminal, switched to unbuffered input.

    Args:
        path: Path of the terminal; by default that which controls this process.

    Raises:
        DeviceError: There is no such terminal, or it controls this process in the background.
    """

    def __init__(self, path: str = "/dev/tty") -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NOCTTY)
        except OSError as error:
            raise DeviceError(f"no keyboard: {_ADVICE}") from error
        try:
            self._settings = self._take_over()
        except BaseException:
            os.close(self._file)
            raise
        self.states = KeyStates()

    def _take_over(self) -> list[Any]:
        """Switch the terminal to unbuffered input; return its settings from before."""
        try:
            settings = termios.tcgetattr(self._file)
        except (OSError, termios.error) as error:
            raise DeviceError(f"no keyboard: {_ADVICE}") from error
        if not self._is_in_front():
            raise DeviceError(f"the terminal's keys go to another process: {_ADVICE}")
        tty.setcbreak(self._file)
        return settings

    def _is_in_front(self) -> bool:
        """Return True unless the terminal controls this process and another is in its front."""
        try:
            return os.tcgetpgrp(self._file) == os.getpgrp()
        except OSError:  # another session's: the launch of this process has checked it
            return True

    def read(self, timeout_s: float) -> str:
        """Return the keys pressed within ``timeout_s``; empty if there are none.

        Raises:
            DeviceError: The terminal was closed.
        """
        if not select.select([self._file], [], [], timeout_s)[0]:
            return ""
        try:
            keys = os.read(self._file, 64)
        except OSError as error:
            raise DeviceError(f"the terminal has gone ({error.strerror}): {_ADVICE}") from error
        if not keys:
            raise DeviceError(f"the terminal has gone: {_ADVICE}")
        return keys.decode("ascii", "ignore")

    def close(self) -> None:
        """Restore the terminal's settings, if it is still there, and close it."""
        try:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._file, termios.TCSADRAIN, self._settings)
        finally:
            os.close(self._file)


_ADVICE = (
    "run `ros2 run der_ros teleop_device --ros-args -p source:=keyboard` in a terminal of its own"
)
