"""Refusal of ``use_sim_time`` by nodes that move or watch a robot in real time."""

from __future__ import annotations

from collections.abc import Sequence

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from der_ros.errors import ConfigurationError

_NAME = "use_sim_time"


def refuse_simulated_clock(node: Node) -> None:
    """Refuse ``use_sim_time`` for a node, now and whenever the parameter is set.

    Raises:
        ConfigurationError: The parameter is already set to a value other than false.
    """
    reason = _reason(node, node.get_parameter(_NAME))
    if reason:
        raise ConfigurationError(reason)

    # The callback added last is called first, so rclpy's own never sees a refused value.
    def judge(parameters: Sequence[Parameter]) -> SetParametersResult:
        reasons = [_reason(node, parameter) for parameter in parameters]
        refusal = next(filter(None, reasons), "")
        return SetParametersResult(successful=not refusal, reason=refusal)

    node.add_on_set_parameters_callback(judge)


def _reason(node: Node, parameter: Parameter) -> str:
    """Return the reason for refusing a parameter value; empty if it is accepted."""
    if parameter.name != _NAME or parameter.value is False:
        return ""
    return (
        f"parameter {_NAME}: expected false, since {node.get_name()} does not obey a simulated "
        f"clock, got {parameter.value!r}"
    )
