"""Axis maps: assignment of a device's axes and buttons (``config/teleop/*.yaml``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from der_ros.documents import read_yaml, shortened
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array
from der_ros.installation import package_folders
from der_ros.policy.shipped import shipped_config_file

DIRECTIONS = ("vx", "vy", "vz", "wx", "wy", "wz")
"""Components of an action, in order; each axis acts on one of them."""
BUTTONS = ("dead_man", "slower", "faster", "start", "success", "discard", "redo")
"""Functions that a button can have."""
_REQUIRED_BUTTONS = ("dead_man", "start", "discard")
MAX_INDEX = 255


@dataclass(frozen=True)
class Axis:
    """One axis of a device.

    Attributes:
        index: Index in ``Joy.axes``.
        scale: Action at full deflection, -1 to 1; a negative value reverses the axis.
        rest: Reading at rest; the triggers of some devices rest at 1.
        span: Change of the reading from rest to full deflection; not 0.
    """

    index: int
    scale: float = 1.0
    rest: float = 0.0
    span: float = 1.0

    def deflection(self, axes: Sequence[float]) -> float:
        """Return the deflection from rest, -1 to 1, before dead zone and scale."""
        return min(1.0, max(-1.0, (axes[self.index] - self.rest) / self.span))


@dataclass(frozen=True)
class AxisMap:
    """Assignment of axes and buttons for one kind of device.

    Attributes:
        name: Name of the map, which is the stem of its file name.
        axes: Axes of each direction; their contributions are added.
        buttons: Index in ``Joy.buttons`` of each function.
        dead_zone: Deflection up to which an axis counts as at rest, 0 to 0.5.
    """

    name: str
    axes: Mapping[str, tuple[Axis, ...]]
    buttons: Mapping[str, int]
    dead_zone: float = 0.08

    def check_device(self, axes: int, buttons: int) -> None:
        """Check that a device has all axes and buttons of the map.

        Args:
            axes: Number of axes of the device.
            buttons: Number of buttons of the device.

        Raises:
            ConfigurationError: An axis or button is missing; the message names each.
        """
        missing = [
            f"axis {axis.index} for {direction}"
            for direction, parts in self.axes.items()
            for axis in parts
            if axis.index >= axes
        ]
        missing += [
            f"button {index} for {name}" for name, index in self.buttons.items() if index >= buttons
        ]
        if missing:
            raise ConfigurationError(
                f"axis map {self.name}: expected {', '.join(missing)}; the device has {axes} axes "
                f"and {buttons} buttons. Choose another map: {', '.join(map_names())}"
            )

    def is_neutral(self, axes: Sequence[float]) -> bool:
        """Return True if every mapped axis is at rest."""
        parts = (axis for parts in self.axes.values() for axis in parts)
        return all(abs(axis.deflection(axes)) <= self.dead_zone for axis in parts)

    def action(self, axes: Sequence[float]) -> Array:
        """Return the action (6,), in [-1, 1], of the current axis readings.

        The range outside the dead zone is rescaled, so that the action starts at zero.
        """
        action = np.zeros(len(DIRECTIONS))
        for k, direction in enumerate(DIRECTIONS):
            for axis in self.axes.get(direction, ()):
                action[k] += axis.scale * self._live(axis.deflection(axes))
        return np.clip(action, -1.0, 1.0)

    def _live(self, deflection: float) -> float:
        beyond = max(0.0, abs(deflection) - self.dead_zone) / (1.0 - self.dead_zone)
        return math.copysign(beyond, deflection)

    def pressed(self, name: str, buttons: Sequence[int]) -> bool:
        """Return True if a function's button is pressed; False if the map has no such button."""
        index = self.buttons.get(name)
        return index is not None and bool(buttons[index])


def map_names() -> list[str]:
    """Return the names of the axis maps in the package, sorted."""
    names: set[str] = set()
    for folder in package_folders("config"):
        names |= {path.stem for path in folder.joinpath("teleop").glob("*.yaml")}
    return sorted(names)


def load_map(name: str) -> AxisMap:
    """Read an axis map.

    Args:
        name: Name of a shipped map, or path of a YAML file.

    Raises:
        ConfigurationError: The map does not exist, or a field is invalid; the message names it.
    """
    if name in map_names():
        path = shipped_config_file("teleop", f"{name}.yaml")
    elif name.endswith((".yaml", ".yml")):
        path = Path(name)
    else:
        raise ConfigurationError(
            f"axis map: expected one of {', '.join(map_names())} or the path of a YAML file, "
            f"got {name!r}"
        )
    return _parsed(path, read_yaml(path))


def _parsed(path: Path, document: Any) -> AxisMap:
    reader = _Reader(path)
    fields = reader.mapping(document, "the file", {"axes", "buttons", "dead_zone"})
    axis_fields = reader.mapping(fields.get("axes"), "axes", set(DIRECTIONS))
    axes = {name: reader.axes(entry, f"axes.{name}") for name, entry in axis_fields.items()}
    if not axes:
        raise reader.error("axes", f"at least one of {', '.join(DIRECTIONS)}", axis_fields)
    button_fields = reader.mapping(fields.get("buttons"), "buttons", set(BUTTONS))
    buttons = {
        name: reader.index(value, f"buttons.{name}") for name, value in button_fields.items()
    }
    for name in _REQUIRED_BUTTONS:
        if name not in buttons:
            raise reader.error(f"buttons.{name}", "the index of a button", None)
    dead_zone = reader.number(fields.get("dead_zone", 0.08), "dead_zone", 0.0, 0.5)
    return AxisMap(path.stem, axes, buttons, dead_zone)


class _Reader:
    """Validates the fields of a map; errors name the file and the field."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def error(self, field: str, expected: str, got: object) -> ConfigurationError:
        return ConfigurationError(
            f"{self._path}: {field}: expected {expected}, got {shortened(got)}"
        )

    def mapping(self, value: Any, field: str, allowed: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict) or not set(value) <= allowed:
            raise self.error(field, f"a mapping with some of {', '.join(sorted(allowed))}", value)
        return value

    def number(self, value: Any, field: str, low: float, high: float) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise self.error(field, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def index(self, value: Any, field: str) -> int:
        if type(value) is not int or not 0 <= value <= MAX_INDEX:
            raise self.error(field, f"an index from 0 to {MAX_INDEX}", value)
        return value

    def axes(self, entry: Any, field: str) -> tuple[Axis, ...]:
        entries = entry if isinstance(entry, list) else [entry]
        return tuple(self._axis(each, field) for each in entries)

    def _axis(self, entry: Any, field: str) -> Axis:
        fields = self.mapping(entry, field, {"index", "scale", "rest", "span"})
        span = self.number(fields.get("span", 1.0), f"{field}.span", -2.0, 2.0)
        if abs(span) < 0.1:
            raise self.error(f"{field}.span", "at least 0.1 or at most -0.1", span)
        return Axis(
            self.index(fields.get("index"), f"{field}.index"),
            self.number(fields.get("scale", 1.0), f"{field}.scale", -1.0, 1.0),
            self.number(fields.get("rest", 0.0), f"{field}.rest", -1.0, 1.0),
            span,
        )
