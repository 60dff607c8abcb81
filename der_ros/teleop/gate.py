"""The gate between an input device and a robot: conditions for teleoperated motion.

The robot moves only while the dead-man button is held, the device sends readings, and every axis
has been seen at rest. After a silence of the device, and after pressing the dead-man button with a
deflected axis, the axes must be seen at rest again, so a stuck axis never moves the robot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from der_ros.geometry import Array
from der_ros.teleop.axis_map import BUTTONS, AxisMap

SILENCE_S = 0.2
"""Default time without a reading after which a device counts as gone, s."""
SPEEDS = (0.1, 0.25, 0.5, 1.0)
"""Speed steps as shares of full speed, selected by the buttons ``slower`` and ``faster``."""


class GateState(Enum):
    """State of the gate; the value is a text for the operator."""

    NO_DEVICE = "no device yet"
    SILENT = "the device is silent: the robot rests"
    NOT_NEUTRAL = "let go of all sticks: they have not been seen at rest"
    RELEASED = "hold the dead-man button to move"
    LIVE = "moving"


@dataclass(frozen=True)
class Reading:
    """One reading of a device.

    Attributes:
        axes: Axis readings, each -1 to 1.
        buttons: Button states, 0 or 1 each.
        time_s: Arrival time by ``time.monotonic``, s.
    """

    axes: Sequence[float]
    buttons: Sequence[int]
    time_s: float


class TeleopGate:
    """Turns device readings into actions; the caller passes the time, so it needs no clock.

    Args:
        axis_map: Axis map of the device.
        silence_s: Time without a reading after which the device counts as gone, s.
    """

    def __init__(self, axis_map: AxisMap, silence_s: float = SILENCE_S) -> None:
        self._map, self._silence_s = axis_map, silence_s
        self._newest: Reading | None = None
        self._neutral_seen = self._held = False
        self._pressed: frozenset[str] = frozenset()
        self._speed = len(SPEEDS) - 1
        self.refused = 0
        """Number of readings rejected because an axis was not finite."""

    @property
    def speed(self) -> float:
        """Current share of full speed, 0 to 1."""
        return SPEEDS[self._speed]

    def take(self, reading: Reading) -> tuple[str, ...]:
        """Take one reading and return the functions whose buttons were newly pressed.

        A device that lacks an axis or a button of the map is rejected as a whole.

        Raises:
            ConfigurationError: The device lacks an axis or a button; the message names each.
        """
        self._map.check_device(len(reading.axes), len(reading.buttons))
        if not all(math.isfinite(value) for value in reading.axes):
            self.refused += 1
            return ()
        if self._is_silent(reading.time_s):
            self._forget()
        self._newest = reading
        self._follow_rest(reading)
        return self._new_presses(reading)

    def _forget(self) -> None:
        """Reset the gate after a silence; a button held at that time is not a new press."""
        self._neutral_seen = self._held = False
        self._pressed = frozenset(BUTTONS)

    def _follow_rest(self, reading: Reading) -> None:
        held = self._map.pressed("dead_man", reading.buttons)
        if self._map.is_neutral(reading.axes):
            self._neutral_seen = True
        elif held and not self._held:
            # Pressed with a deflected stick: the operator may not know where it points.
            self._neutral_seen = False
        self._held = held

    def _new_presses(self, reading: Reading) -> tuple[str, ...]:
        down = frozenset(
            name for name in self._map.buttons if self._map.pressed(name, reading.buttons)
        )
        new, self._pressed = down - self._pressed, down
        if "slower" in new:
            self._speed = max(0, self._speed - 1)
        if "faster" in new:
            self._speed = min(len(SPEEDS) - 1, self._speed + 1)
        return tuple(name for name in BUTTONS if name in new)

    def _is_silent(self, now_s: float) -> bool:
        return self._newest is None or now_s - self._newest.time_s > self._silence_s

    def state(self, now_s: float) -> GateState:
        """Return the state of the gate at ``now_s`` (``time.monotonic``)."""
        if self._newest is None:
            return GateState.NO_DEVICE
        if self._is_silent(now_s):
            return GateState.SILENT
        if not self._neutral_seen:
            return GateState.NOT_NEUTRAL
        return GateState.LIVE if self._held else GateState.RELEASED

    def valid_until_s(self) -> float:
        """Return the time at which the newest reading expires (``time.monotonic``), s."""
        return -math.inf if self._newest is None else self._newest.time_s + self._silence_s

    def action(self, now_s: float) -> Array:
        """Return the action (6,), in [-1, 1], at ``now_s``; zero in every state but LIVE."""
        if self._newest is None or self.state(now_s) is not GateState.LIVE:
            return np.zeros(6)
        return self.speed * self._map.action(self._newest.axes)
