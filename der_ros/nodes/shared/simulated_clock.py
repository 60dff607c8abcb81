"""Refuses ``use_sim_time`` where a node moves or watches a robot by real time."""

from __future__ import annotations

from collections.abc import Sequence

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from der_ros.errors import ConfigurationError

_NAME = "use_sim_time"


def refuse_simulated_clock(node: Node) -> None:
    """Refuse a simulated clock for a node, now and whenever the parameter is set.

    Raises:
        ConfigurationError: the parameter was given as anything but false.
    """
    reason = _reason(node, node.get_parameter(_NAME))
    if reason:
        raise ConfigurationError(reason)

    # The last callback is asked first, so rclpy's own does not see the refused value.
    def judge(parameters: Sequence[Parameter]) -> SetParametersResult:
        reasons = [_reason(node, parameter) for parameter in parameters]
        found = next(filter(None, reasons), "")
        return SetParametersResult(successful=not found, reason=found)

    node.add_on_set_parameters_callback(judge)


def _reason(node: Node, parameter: Parameter) -> str:
    """Return why a parameter is refused, or an empty text."""
    if parameter.name != _NAME or parameter.value is False:
        return ""
    return (
        f"parameter {_NAME}: expected false, since {node.get_name()} does not obey a simulated "
        f"clock, got {parameter.value!r}"
    )
