"""What the launch files share: how processes end, and a deployment's arguments and nodes.

Arguments, conditions and nodes only, so that the ``launch`` of ROS 2 and the one for machines
without ROS 2 both run it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.events.process import ProcessExited
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

from der_ros.nodes.launch_watch import this_launch
from der_ros.tasks import TASK_NAMES

ROBOT = LaunchConfiguration("robot")
FT = LaunchConfiguration("ft")
ROBOT_IS_SIM = EqualsSubstitution(ROBOT, "sim")
FT_IS_SIM = EqualsSubstitution(FT, "sim")

# On this host a simulated controller and a simulated sensor have addresses of their own.
SIM_ROBOT_IP, SIM_SENSOR_IP = "127.0.0.2", "127.0.0.3"


def end_all(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """An ``on_exit`` handler: the end of one process ends the launch, a failure as a failure.

    ``ros2 launch`` returns 0 after a plain ``Shutdown``, also when a process died.

    Raises:
        RuntimeError: the process failed while the rest was still meant to run.
    """
    if event.returncode != 0 and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} failed with exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} ended")


def number(name: str) -> ParameterValue:
    """A launch argument as a whole number."""
    return ParameterValue(LaunchConfiguration(name), value_type=int)


def text(name: str) -> ParameterValue:
    """A launch argument as a text."""
    return ParameterValue(LaunchConfiguration(name), value_type=str)


def chosen(condition: Any, if_true: Any, if_false: Any) -> ParameterValue:
    """One of two texts."""
    return ParameterValue(IfElseSubstitution(condition, if_true, if_false), value_type=str)


def deployment_arguments(
    name: str, task: str, hardware: str, robots: str, own: Sequence[DeclareLaunchArgument]
) -> list[DeclareLaunchArgument]:
    """The arguments of a deployment.

    Args:
        name: of the launch file and of its folder in ``config/``.
        task: the default one.
        hardware: what ``robot:=`` calls the real robot.
        robots: describes the two choices of ``robot:=``.
        own: what only this deployment has.
    """
    return [
        DeclareLaunchArgument(
            "task",
            default_value=task,
            choices=list(TASK_NAMES),
            description=f"What is assembled; config/{name}/<task>.yaml holds the robot to the "
            "task's speeds, workspace and forces",
        ),
        DeclareLaunchArgument(
            "robot", default_value="sim", choices=["sim", hardware], description=robots
        ),
        DeclareLaunchArgument(
            "ft",
            default_value="sim",
            choices=["sim", "netft", "topic"],
            description="sim: a simulated Net F/T box (only with robot:=sim); netft: an ATI Net "
            "F/T box; topic: what another driver publishes on ft_topic",
        ),
        DeclareLaunchArgument(
            "ft_topic", default_value="wrench", description="A WrenchStamped topic (ft:=topic)"
        ),
        DeclareLaunchArgument(
            "policy",
            default_value="",
            description="ONNX policy; empty: the shipped one of the task",
        ),
        DeclareLaunchArgument(
            "attempts",
            default_value="0",
            description="Attempts to run, then end; 0: until stopped",
        ),
        DeclareLaunchArgument(
            "record",
            default_value="true",
            choices=["true", "false"],
            description="Record one bag per attempt",
        ),
        DeclareLaunchArgument(
            "run_dir",
            default_value=time.strftime(f"runs/{name}_%Y%m%d-%H%M%S"),
            description="Folder for attempts.jsonl and bags/; made if missing",
        ),
        DeclareLaunchArgument("seed", default_value="0", description="Seed of the simulated cell"),
        *own,
        DeclareLaunchArgument(
            "sensor_ip",
            default_value="192.168.1.1",
            description="Address of the sensor (ft:=netft)",
        ),
        DeclareLaunchArgument(
            "rdt_port", default_value="49152", description="UDP port of the sensor"
        ),
        DeclareLaunchArgument(
            "http_port",
            default_value="",
            description="TCP port of the sensor's configuration page; empty: a box's 80, or 8049 "
            "of the simulated one",
        ),
    ]


def deployment(
    name: str,
    arguments: Sequence[DeclareLaunchArgument],
    sim_cell: Mapping[str, Any],
    kuka_bridge: Mapping[str, Any],
    below: Sequence[Any] = (),
) -> LaunchDescription:
    """The nodes of a deployment; what differs between robots is the two nodes' parameters.

    Args:
        name: of the launch file, of its configuration and of its folder in ``config/``.
        arguments: of ``deployment_arguments``.
        sim_cell: parameters of the simulated cell's robot.
        kuka_bridge: parameters of the bridge to it.
        below: parameter files that those of the task and the cell have precedence over.
    """
    folder = PathJoinSubstitution([FindPackageShare("der_ros"), "config"])
    files = [
        *below,
        ParameterFile([folder, f"/{name}/", LaunchConfiguration("task"), ".yaml"]),
        PathJoinSubstitution([folder, f"{name}.yaml"]),
    ]

    def node(executable: str, parameters: Mapping[str, Any], **options: Any) -> Node:
        # Nobody drives a robot with a part of the chain missing: the end of one ends all.
        return Node(
            package="der_ros",
            executable=executable,
            name=executable,
            parameters=[*files, dict(parameters)],
            output="screen",
            on_exit=end_all,
            additional_env=this_launch(),
            **options,
        )

    sensor = _sensor_parameters()
    return LaunchDescription(
        [
            *arguments,
            OpaqueFunction(function=_refuse_a_blind_robot),
            SetEnvironmentVariable(
                "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST", condition=IfCondition(ROBOT_IS_SIM)
            ),
            node(
                "sim_cell",
                {
                    "task": text("task"),
                    "seed": number("seed"),
                    **sensor,
                    "sensor_ip": SIM_SENSOR_IP,
                    **sim_cell,
                },
                condition=IfCondition(OrSubstitution(ROBOT_IS_SIM, FT_IS_SIM)),
            ),
            node(
                "ft_bridge",
                {
                    "source": chosen(EqualsSubstitution(FT, "topic"), "topic", "netft"),
                    "input_topic": text("ft_topic"),
                    **sensor,
                },
            ),
            node(
                "kuka_bridge",
                {
                    "command_publishers": "policy_server assembly_supervisor",
                    "wrench_publishers": "ft_bridge",
                    **kuka_bridge,
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
            node("assembly_supervisor", _supervisor_parameters()),
        ]
    )


def _sensor_parameters() -> dict[str, Any]:
    http_port = IfElseSubstitution(
        EqualsSubstitution(LaunchConfiguration("http_port"), ""),
        IfElseSubstitution(FT_IS_SIM, "8049", "80"),
        LaunchConfiguration("http_port"),
    )
    return {
        "sensor_ip": chosen(FT_IS_SIM, SIM_SENSOR_IP, LaunchConfiguration("sensor_ip")),
        "rdt_port": number("rdt_port"),
        "http_port": ParameterValue(http_port, value_type=int),
    }


def _supervisor_parameters() -> dict[str, Any]:
    return {
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
    }


def _refuse_a_blind_robot(context: LaunchContext) -> None:
    """A real robot must not be moved by what a simulated sensor feels."""
    robot = ROBOT.perform(context)
    if robot != "sim" and FT.perform(context) == "sim":
        raise RuntimeError(
            f"robot:={robot} moves a real arm and needs a real sensor: expected ft:=netft or "
            "ft:=topic, got ft:=sim"
        )
