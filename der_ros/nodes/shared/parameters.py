"""Declares the parameters of a node, and checks their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from der_ros.errors import ConfigurationError

Value = TypeVar("Value", bool, int, float, str, list[float], list[str])


def declare(
    node: Node,
    name: str,
    default: Value,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    read_only: bool = True,
) -> Value:
    """Declare a parameter and return its value, checked.

    A whole number is accepted where a float is expected. A parameter that is not read-only is
    checked by ``tuning`` when it changes.

    Raises:
        ConfigurationError: the value has another type, lies outside the closed range
            [``minimum``, ``maximum``], or is none of ``choices``.
    """
    descriptor = ParameterDescriptor(
        name=name,
        description=description,
        additional_constraints=_constraints(choices, minimum, maximum),
        read_only=read_only,
        dynamic_typing=True,
    )
    _set_range(descriptor, default, minimum, maximum)
    try:
        raw = node.declare_parameter(name, default, descriptor).value
    except ParameterException as error:
        raise ConfigurationError(f"parameter {name}: {error}") from error
    value = _coerce(name, raw, default)
    if choices and value not in choices:
        raise ConfigurationError(
            f"parameter {name}: expected one of {', '.join(choices)}, got {value!r}"
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_range(name, value, minimum, maximum)
    return value


def is_given(node: Node, name: str) -> bool:
    """Tell if a file or the command line sets a parameter; call it before the declaration."""
    probe = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True))
    node.undeclare_parameter(name)
    return bool(probe.type_ != Parameter.Type.NOT_SET)


def _constraints(choices: Sequence[str], minimum: float | None, maximum: float | None) -> str:
    """Return what a range in the description cannot say: choices, or a single bound."""
    if choices:
        return f"one of: {', '.join(choices)}"
    if minimum is not None and maximum is None:
        return f"at least {minimum:g}"
    return f"at most {maximum:g}" if minimum is None and maximum is not None else ""


def _set_range(
    descriptor: ParameterDescriptor, default: object, minimum: float | None, maximum: float | None
) -> None:
    """Put the range into the description, if both ends are given."""
    if minimum is None or maximum is None:
        return
    if isinstance(default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(minimum), to_value=float(maximum))
        ]
    elif isinstance(default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(minimum), to_value=int(maximum), step=1)
        ]


def _coerce(name: str, raw: Any, default: Value) -> Value:
    """Return ``raw`` as the type of ``default``; a list must also have its length and items."""
    value = _widened(raw, default)
    if type(value) is type(default) and not isinstance(value, list):
        return value
    if isinstance(default, list) and isinstance(value, list):
        wanted = type(default[0]) if default else str
        right_length = wanted is str or len(value) == len(default)
        if right_length and all(type(item) is wanted for item in value):
            return value
        raise ConfigurationError(
            f"parameter {name}: expected {len(default)} {wanted.__name__}s, got {value!r}"
        )
    raise ConfigurationError(f"parameter {name}: expected a {type(default).__name__}, got {raw!r}")


def _widened(raw: Any, default: object) -> Any:
    """Convert whole numbers to floats where floats are expected, and arrays to lists."""
    if isinstance(default, float) and type(raw) is int:
        return float(raw)
    if isinstance(default, list) and isinstance(raw, Iterable) and not isinstance(raw, str | bytes):
        floats = bool(default) and isinstance(default[0], float)
        return [float(item) if floats and type(item) is int else item for item in raw]
    return raw


def _check_range(name: str, value: float, minimum: float | None, maximum: float | None) -> None:
    low = float("-inf") if minimum is None else minimum
    high = float("inf") if maximum is None else maximum
    if not low <= value <= high:
        raise ConfigurationError(f"parameter {name}: expected {low} to {high}, got {value}")
