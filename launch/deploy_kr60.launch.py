"""Deploys a policy on a KUKA KR 60 with an ATI Net F/T sensor, simulated or real.

The nodes are the same in both cases; a simulated cell speaks the real wire protocols on this host.
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from der_ros.nodes.launching import (
    ROBOT_IS_SIM,
    SIM_ROBOT_IP,
    chosen,
    deployment,
    deployment_arguments,
    number,
)

ARGUMENTS = deployment_arguments(
    "deploy_kr60",
    task="lap_joint",
    hardware="rsi",
    robots="sim: a simulated KR 60 in this host; rsi: a KRC4 that runs RSI",
    own=[
        DeclareLaunchArgument(
            "cycle_ms",
            default_value="12",
            choices=["12", "4"],
            description="RSI cycle of the controller; 4 is #IPO_FAST",
        ),
        DeclareLaunchArgument(
            "rsi_port", default_value="59152", description="UDP port that the controller sends to"
        ),
        DeclareLaunchArgument(
            "robot_ip", default_value="", description="Address of the controller (robot:=rsi)"
        ),
    ],
)


def generate_launch_description():
    rsi = {"cycle_ms": number("cycle_ms"), "rsi_port": number("rsi_port")}
    robot_ip = chosen(ROBOT_IS_SIM, SIM_ROBOT_IP, LaunchConfiguration("robot_ip"))
    return deployment(
        "deploy_kr60",
        ARGUMENTS,
        sim_cell={"robot": "kr60", "robot_ip": SIM_ROBOT_IP, **rsi},
        kuka_bridge={"robot": "rsi", "robot_ip": robot_ip, **rsi},
    )
