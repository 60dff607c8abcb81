"""Launch arguments and parameters of a KR 60 cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.launching.actions import RobotParts
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import (
    SIM_ROBOT_IP,
    deployment_arguments,
    robot_address,
)
from der_ros.parameters.kuka_bridge import ControllerParameters


def kr60_arguments(own: Sequence[Argument] = ()) -> list[Argument]:
    """Return the launch arguments of a KR 60 cell.

    Args:
        own: Additional arguments of the launch file.
    """
    controller = [
        Argument.of(ControllerParameters, "cycle_ms", choices=("12", "4")),
        Argument.of(RsiServerConfig, "rsi_port", minimum=1),
        Argument.of(
            ControllerParameters,
            "robot_ip",
            description=f"Address of the controller; empty: {SIM_ROBOT_IP}, of the simulated one",
            kind=IPv4Address,
            optional=True,
        ),
    ]
    return deployment_arguments(
        "deploy_kr60",
        task="lap_joint",
        hardware="rsi",
        robots="sim: a simulated KR 60 on this computer; rsi: a KRC4 that runs RSI",
        own=[*own, *controller],
    )


def kr60_parts(values: Mapping[str, object]) -> RobotParts:
    """Return the node parameters that are specific to a KR 60."""
    rsi = {
        "cycle_ms": values["cycle_ms"],
        "rsi_port": values["rsi_port"],
        "robot_ip": robot_address(values),
    }
    return RobotParts("kr60", {"robot": "kr60", **rsi}, {"robot": "rsi", **rsi})
