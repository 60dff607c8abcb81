"""Deploys a policy on a KUKA KR 60 with an ATI Net F/T sensor, simulated or real.

The nodes are the same in both cases; a simulated cell speaks the real wire protocols on this host.
"""

from ipaddress import IPv4Address

from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.launching.actions import RobotParts, deployment
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import (
    SIM_ROBOT_IP,
    deployment_arguments,
    robot_address,
)
from der_ros.parameters.kuka_bridge import ControllerParameters

ARGUMENTS = deployment_arguments(
    "deploy_kr60",
    task="lap_joint",
    hardware="rsi",
    robots="sim: a simulated KR 60 in this host; rsi: a KRC4 that runs RSI",
    own=[
        Argument.of(ControllerParameters, "cycle_ms", choices=("12", "4")),
        Argument.of(RsiServerConfig, "rsi_port", minimum=1),
        Argument.of(
            ControllerParameters,
            "robot_ip",
            description=f"Address of the controller; empty: {SIM_ROBOT_IP} of the simulated one",
            kind=IPv4Address,
            optional=True,
        ),
    ],
)


def robot(values):
    rsi = {
        "cycle_ms": values["cycle_ms"],
        "rsi_port": values["rsi_port"],
        "robot_ip": robot_address(values),
    }
    return RobotParts("kr60", {"robot": "kr60", **rsi}, {"robot": "rsi", **rsi})


def generate_launch_description():
    return deployment("deploy_kr60", ARGUMENTS, robot)
