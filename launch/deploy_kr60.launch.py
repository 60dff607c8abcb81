"""Deploys a policy on a KUKA KR 60 with an ATI Net F/T sensor, simulated or real.

The nodes are the same in both cases; a simulated cell speaks the real wire protocols on this host.
"""

import time

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import (
    EqualsSubstitution,
    IfElseSubstitution,
    LaunchConfiguration,
    OrSubstitution,
    PathJoinSubstitution,
)
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from der_ros.nodes.launching import end_all
from der_ros.tasks import TASK_NAMES

ROBOT = LaunchConfiguration("robot")
FT = LaunchConfiguration("ft")
ROBOT_IS_SIM = EqualsSubstitution(ROBOT, "sim")
FT_IS_SIM = EqualsSubstitution(FT, "sim")

# On this host a simulated controller and a simulated sensor have addresses of their own.
SIM_ROBOT_IP, SIM_SENSOR_IP = "127.0.0.2", "127.0.0.3"

ARGUMENTS = [
    DeclareLaunchArgument(
        "task",
        default_value="lap_joint",
        choices=list(TASK_NAMES),
        description="What is assembled; config/deploy_kr60/<task>.yaml holds the robot to the "
        "task's speeds, workspace and forces",
    ),
    DeclareLaunchArgument(
        "robot",
        default_value="sim",
        choices=["sim", "rsi"],
        description="sim: a simulated KR 60 in this host; rsi: a KRC4 that runs RSI",
    ),
    DeclareLaunchArgument(
        "ft",
        default_value="sim",
        choices=["sim", "netft", "topic"],
        description="sim: a simulated Net F/T box (only with robot:=sim); netft: an ATI Net F/T "
        "box; topic: what another driver publishes on ft_topic",
    ),
    DeclareLaunchArgument(
        "ft_topic", default_value="wrench", description="A WrenchStamped topic (ft:=topic)"
    ),
    DeclareLaunchArgument(
        "policy", default_value="", description="ONNX policy; empty: the shipped one of the task"
    ),
    DeclareLaunchArgument(
        "attempts", default_value="0", description="Attempts to run, then end; 0: until stopped"
    ),
    DeclareLaunchArgument(
        "record",
        default_value="true",
        choices=["true", "false"],
        description="Record one bag per attempt",
    ),
    DeclareLaunchArgument(
        "run_dir",
        default_value=time.strftime("runs/deploy_kr60_%Y%m%d-%H%M%S"),
        description="Folder for attempts.jsonl and bags/; made if missing",
    ),
    DeclareLaunchArgument("seed", default_value="0", description="Seed of the simulated cell"),
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
    DeclareLaunchArgument(
        "sensor_ip", default_value="192.168.1.1", description="Address of the sensor (ft:=netft)"
    ),
    DeclareLaunchArgument("rdt_port", default_value="49152", description="UDP port of the sensor"),
    DeclareLaunchArgument(
        "http_port",
        default_value="",
        description="TCP port of the sensor's configuration page; empty: a box's 80, or 8049 of "
        "the simulated one",
    ),
]


def refuse_a_blind_robot(context):
    """A real robot must not be moved by what a simulated sensor feels."""
    if ROBOT.perform(context) == "rsi" and FT.perform(context) == "sim":
        raise RuntimeError(
            "robot:=rsi moves a real arm and needs a real sensor: expected ft:=netft or "
            "ft:=topic, got ft:=sim"
        )


def number(name):
    return ParameterValue(LaunchConfiguration(name), value_type=int)


def text(name):
    return ParameterValue(LaunchConfiguration(name), value_type=str)


def chosen(condition, if_true, if_false):
    return ParameterValue(IfElseSubstitution(condition, if_true, if_false), value_type=str)


def generate_launch_description():
    folder = PathJoinSubstitution([FindPackageShare("der_ros"), "config"])
    of_the_cell = PathJoinSubstitution([folder, "deploy_kr60.yaml"])
    of_the_task = ParameterFile([folder, "/deploy_kr60/", LaunchConfiguration("task"), ".yaml"])
    robot_ip = chosen(ROBOT_IS_SIM, SIM_ROBOT_IP, LaunchConfiguration("robot_ip"))
    sensor_ip = chosen(FT_IS_SIM, SIM_SENSOR_IP, LaunchConfiguration("sensor_ip"))
    http_port = ParameterValue(
        IfElseSubstitution(
            EqualsSubstitution(LaunchConfiguration("http_port"), ""),
            IfElseSubstitution(FT_IS_SIM, "8049", "80"),
            LaunchConfiguration("http_port"),
        ),
        value_type=int,
    )

    def node(executable, parameters, **options):
        # Nobody drives a robot with a part of the chain missing: the end of one ends all.
        return Node(
            package="der_ros",
            executable=executable,
            name=executable,
            parameters=[of_the_task, of_the_cell, parameters],
            output="screen",
            on_exit=end_all,
            **options,
        )

    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=refuse_a_blind_robot),
            SetEnvironmentVariable(
                "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST", condition=IfCondition(ROBOT_IS_SIM)
            ),
            node(
                "sim_cell",
                {
                    "task": text("task"),
                    "seed": number("seed"),
                    "cycle_ms": number("cycle_ms"),
                    "rsi_port": number("rsi_port"),
                    "robot_ip": SIM_ROBOT_IP,
                    "sensor_ip": SIM_SENSOR_IP,
                    "rdt_port": number("rdt_port"),
                    "http_port": http_port,
                },
                condition=IfCondition(OrSubstitution(ROBOT_IS_SIM, FT_IS_SIM)),
            ),
            node(
                "ft_bridge",
                {
                    "source": chosen(EqualsSubstitution(FT, "topic"), "topic", "netft"),
                    "input_topic": text("ft_topic"),
                    "sensor_ip": sensor_ip,
                    "rdt_port": number("rdt_port"),
                    "http_port": http_port,
                },
            ),
            node(
                "kuka_bridge",
                {
                    "robot_ip": robot_ip,
                    "rsi_port": number("rsi_port"),
                    "cycle_ms": number("cycle_ms"),
                    "command_publishers": "policy_server assembly_supervisor",
                },
            ),
            node(
                "policy_server",
                {
                    "task": text("task"),
                    "policy": text("policy"),
                    # It moves only while assembly_supervisor says that it watches.
                    "watch_timeout_s": 0.5,
                },
            ),
            node(
                "bag_recorder",
                {"run_dir": text("run_dir")},
                condition=IfCondition(LaunchConfiguration("record")),
            ),
            node(
                "assembly_supervisor",
                {
                    "task": text("task"),
                    "attempts": number("attempts"),
                    "record": ParameterValue(LaunchConfiguration("record"), value_type=bool),
                    "run_dir": text("run_dir"),
                    # A real controller's program is started by a person, who may take a while.
                    "ready_timeout_s": ParameterValue(
                        IfElseSubstitution(ROBOT_IS_SIM, "60.0", "0.0"), value_type=float
                    ),
                    "auto_start": ParameterValue(ROBOT_IS_SIM, value_type=bool),
                    "simulated_cell": ParameterValue(ROBOT_IS_SIM, value_type=bool),
                },
            ),
        ]
    )
