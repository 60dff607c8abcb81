"""Parameters that may change at run time, within bounds that are fixed at the start."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from der_ros.errors import ConfigurationError

Tuned = TypeVar("Tuned")


class Range(NamedTuple):
    """Closed range of a parameter at run time.

    Attributes:
        minimum: Smallest value.
        maximum: Largest value.
        why: Reason for the upper bound, for the error message.
    """

    minimum: float
    maximum: float
    why: str = ""


def highest(settings: object, names: Sequence[str]) -> dict[str, Range]:
    """Return for each named setting the range from 0 to its value, so that it may only decrease."""
    why = "the value at the start: restart the node with another configuration to raise it"
    return {name: Range(0.0, float(getattr(settings, name)), why) for name in names}


class Tuning(Generic[Tuned]):
    """Run-time changes of a node's parameters; a request is applied as a whole or refused.

    Args:
        node: Node that has declared the parameters, not read-only.
        ranges: Range of each parameter at run time, by name.
        check: Function that returns the setting for the new values by name, or raises
            ``ConfigurationError``.
        take: Function that applies the setting.
    """

    def __init__(
        self,
        node: Node,
        ranges: Mapping[str, Range],
        check: Callable[[Mapping[str, float]], Tuned],
        take: Callable[[Tuned], None],
    ) -> None:
        self._ranges, self._check, self._take = ranges, check, take
        node.add_on_set_parameters_callback(self._on_set)
        node.add_post_set_parameters_callback(self._on_was_set)

    def _on_set(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        """Refuse values that are out of range or contradict each other, with the reason."""
        try:
            values = self._values(parameters)
            if values:
                self._check(values)
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_was_set(self, parameters: Sequence[Parameter]) -> None:
        values = self._values(parameters)
        if values:
            self._take(self._check(values))

    def _values(self, parameters: Sequence[Parameter]) -> dict[str, float]:
        return {
            each.name: self._number(each.name, each.value)
            for each in parameters
            if each.name in self._ranges
        }

    def _number(self, name: str, value: Any) -> float:
        low, high, why = self._ranges[name]
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ConfigurationError(f"parameter {name}: expected a number, got {value!r}")
        if not low <= value <= high:
            hint = f" ({why})" if why and value > high else ""
            raise ConfigurationError(
                f"parameter {name}: expected {low:g} to {high:g}{hint}, got {value:g}"
            )
        return float(value)
