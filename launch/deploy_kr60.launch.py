"""Deploys a policy on a KUKA KR 60 with an ATI Net F/T sensor, simulated or real.

The nodes are the same in both cases; a simulated cell speaks the real wire protocols on this host.
"""

from ipaddress import IPv4Address

from der_ros.launching.actions import RobotParts, deployment
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import deployment_arguments, port, robot_address

ARGUMENTS = deployment_arguments(
    "deploy_kr60",
    task="lap_joint",
    hardware="rsi",
    robots="sim: a simulated KR 60 in this host; rsi: a KRC4 that runs RSI",
    own=[
        Argument(
            "cycle_ms", "12", "RSI cycle of the controller; 4 is #IPO_FAST", int,
            choices=("12", "4"),
        ),
        port("rsi_port", "59152", "UDP port that the controller sends to"),
        Argument(
            "robot_ip", "", "Address of the controller; empty: 127.0.0.2 of the simulated one",
            IPv4Address, optional=True,
        ),
    ],
)  # fmt: skip


def robot(values):
    rsi = {
        "cycle_ms": values["cycle_ms"],
        "rsi_port": values["rsi_port"],
        "robot_ip": robot_address(values),
    }
    return RobotParts("kr60", {"robot": "kr60", **rsi}, {"robot": "rsi", **rsi})


def generate_launch_description():
    return deployment("deploy_kr60", ARGUMENTS, robot)
