"""Declaration of dataclass settings as ROS parameters; refusal of ``use_sim_time``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from der_ros.errors import ConfigurationError
from der_ros.settings import Setting, checked, made_from, settings_of

_T = TypeVar("_T")
_SIM_TIME = "use_sim_time"


def declare_settings(
    node: Node, kind: type[_T], defaults: Mapping[str, object] | None = None, **others: Any
) -> _T:
    """Declare a parameter for each setting of a dataclass; return an instance with the values.

    Args:
        node: Node that declares the parameters.
        kind: Dataclass, one of the node's groups in ``parameters.node_parameters``.
        defaults: Default values by name that override the declared ones.
        others: Values of the fields that are not settings.

    Raises:
        ConfigurationError: A value has the wrong type, is out of range, or is refused by the
            dataclass.
    """
    own = defaults or {}
    values = {
        each.name: declare(node, each._replace(default=own.get(each.name, each.default)))
        for each in settings_of(kind)
    }
    return made_from(kind, values, **others)


def declare(node: Node, setting: Setting) -> Any:
    """Declare one parameter and return its checked value; a list becomes a tuple.

    ``tuning`` checks later changes of a tunable parameter.

    Raises:
        ConfigurationError: The value has the wrong type, is out of range, or is not one of the
            choices.
    """
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    try:
        raw = node.declare_parameter(setting.name, default, _descriptor(setting)).value
    except ParameterException as error:
        raise ConfigurationError(f"parameter {setting.name}: {error}") from error
    # ROS reads an empty list as no value; only a list that is empty by default may be empty.
    return checked(setting, () if raw is None and default == [] else raw)


def is_given(node: Node, name: str) -> bool:
    """Return True if a file or the command line sets a parameter that is not declared yet."""
    probe = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True))
    node.undeclare_parameter(name)
    return bool(probe.type_ != Parameter.Type.NOT_SET)


def _constraints(setting: Setting) -> str:
    """Return the constraints that a ROS range cannot express: choices, or a single bound."""
    if setting.choices:
        return f"one of: {', '.join(setting.choices)}"
    return setting.range if setting.minimum is None or setting.maximum is None else ""


def _descriptor(setting: Setting) -> ParameterDescriptor:
    """Return the descriptor of a parameter, with its range if both bounds are given."""
    descriptor = ParameterDescriptor(
        name=setting.name,
        description=setting.description,
        additional_constraints=_constraints(setting),
        read_only=not setting.tunable,
        dynamic_typing=True,
    )
    low, high = setting.minimum, setting.maximum
    if low is None or high is None:
        return descriptor
    if isinstance(setting.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high))
        ]
    elif isinstance(setting.default, int):
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor


def refuse_simulated_clock(node: Node) -> None:
    """Refuse ``use_sim_time`` for a node, now and whenever the parameter is set.

    Raises:
        ConfigurationError: The parameter is already set to a value other than false.
    """
    reason = _clock_refusal(node, node.get_parameter(_SIM_TIME))
    if reason:
        raise ConfigurationError(reason)

    # The callback added last is called first, so rclpy's own never sees a refused value.
    def judge(parameters: Sequence[Parameter]) -> SetParametersResult:
        reasons = [_clock_refusal(node, parameter) for parameter in parameters]
        refusal = next(filter(None, reasons), "")
        return SetParametersResult(successful=not refusal, reason=refusal)

    node.add_on_set_parameters_callback(judge)


def _clock_refusal(node: Node, parameter: Parameter) -> str:
    """Return the reason for refusing a parameter value; empty if it is accepted."""
    if parameter.name != _SIM_TIME or parameter.value is False:
        return ""
    return (
        f"parameter {_SIM_TIME}: expected false, since {node.get_name()} does not obey a simulated "
        f"clock, got {parameter.value!r}"
    )
