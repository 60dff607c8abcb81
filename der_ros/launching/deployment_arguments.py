"""Launch arguments of a deployment, and the node parameters derived from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from der_ros.drivers.addresses import is_loopback
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.launching.arguments import ON_OFF, Argument
from der_ros.parameters.assembly_supervisor import SupervisorParameters
from der_ros.parameters.bag_recorder import RecorderParameters
from der_ros.parameters.cell_view import CellViewParameters
from der_ros.parameters.ft_bridge import FtBridgeParameters
from der_ros.parameters.policy_server import PolicyParameters
from der_ros.parameters.sim_cell import (
    SimCellParameters,
    SimControllerParameters,
    SimSensorParameters,
)
from der_ros.policy.force_budget import ContactLimits

WIRE_TOPICS = (
    "netft_wire std_msgs/msg/UInt8MultiArray",
    "netft_wire_setup std_msgs/msg/String latched",
    "kuka/wire std_msgs/msg/String",
)
"""Entries of the recorder's parameter ``topics`` for the telegrams of sensor and robot."""
_BUDGETS = ("force_budget_n", "torque_budget_nm")
# The simulated controller and sensor each have their own loopback address.
SIM_ROBOT_IP = SimControllerParameters().robot_ip
SIM_SENSOR_IP = SimSensorParameters().sensor_ip
SENSOR_IP = NetFtConfig().sensor_ip

# ROS 2 allows 255 characters in the whole name of a topic.
_MAX_NAME = 150
_NAMES = r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*"
_NO_TILDE = r"(?s)(?!~).*"
FOLDER = {"pattern": _NO_TILDE, "words": "a folder without ~ (write $HOME)"}
"""Changes of an argument that names a folder; a shell leaves the ~ in name:=~/folder."""
NAMESPACE = Argument(
    "namespace",
    "",
    "Namespace of all nodes, so that several cells share a ROS domain",
    optional=True,
    pattern=rf"(?=.{{1,{_MAX_NAME}}}$)/?{_NAMES}",
    words="a name like cell_1 or line/cell_1",
)


_BUDGET_ARGUMENTS = tuple(
    Argument.of(
        ContactLimits,
        name,
        default="",
        description=f"{what} that a contact may reach; the governor limits the speed accordingly; "
        "empty: as in config",
        minimum=0.0,
        optional=True,
    )
    for name, what in zip(
        _BUDGETS, ("Largest force [N]", "Largest torque about the TCP [Nm]"), strict=True
    )
)

_SIMULATION_ARGUMENTS = (
    Argument.of(SimCellParameters, "seed"),
    Argument.of(
        SimCellParameters,
        "compliance",
        pattern=r"rigid|cell|[1-9][0-9]{,11}(\.[0-9]*)?([eE]\+?[0-9])?",
        words="rigid, cell or a stiffness in N/m",
    ),
)

_VIEW_ARGUMENTS = (
    Argument("view", "true", "Start cell_view, which publishes for viewers", bool, ON_OFF),
    Argument.of(CellViewParameters, "page_port"),
    Argument(
        "rviz",
        "false",
        "Start RViz with config/viewers/cell.rviz (needs an installed rviz2)",
        bool,
        ON_OFF,
    ),
)

_NETWORK_ARGUMENT = Argument(
    "dds_address",
    "",
    "IPv4 address of the only network interface that ROS 2 uses beside loopback; empty: all "
    "(robot:=sim: loopback)",
    IPv4Address,
    optional=True,
)

_SENSOR_ARGUMENTS = (
    Argument(
        "sensor_ip",
        "",
        f"Address of the sensor; empty: {SENSOR_IP}, or {SIM_SENSOR_IP} with ft:=sim",
        IPv4Address,
        optional=True,
    ),
    Argument.of(NetFtConfig, "rdt_port"),
    Argument.of(
        NetFtConfig,
        "http_port",
        default="",
        description="TCP port of the sensor's configuration page; empty: 80, or 8049 with ft:=sim",
        optional=True,
    ),
)


def deployment_arguments(
    name: str, task: str, hardware: str, robots: str, own: Sequence[Argument]
) -> list[Argument]:
    """Return the launch arguments of a deployment.

    Args:
        name: Name of the launch file and of its folder in ``config/``.
        task: Default task.
        hardware: Value of ``robot:=`` that selects the real robot.
        robots: Description of the argument ``robot``.
        own: Arguments that only this deployment has.
    """
    return [
        *_cell_arguments(name, task, hardware, robots),
        NAMESPACE,
        *_BUDGET_ARGUMENTS,
        *_attempt_arguments(name),
        *_SIMULATION_ARGUMENTS,
        Argument.of(RecorderParameters, "keep_bags"),
        *_VIEW_ARGUMENTS,
        _NETWORK_ARGUMENT,
        *own,
        *_SENSOR_ARGUMENTS,
    ]


def _cell_arguments(name: str, task: str, hardware: str, robots: str) -> list[Argument]:
    """Return the arguments that choose task, robot, sensor, policy and parameters file."""
    return [
        Argument.of(
            SupervisorParameters,
            "task",
            default=task,
            description=f"Task that is assembled; config/{name}/<task>.yaml holds the robot to its "
            "speeds, workspace and forces",
        ),
        Argument("robot", "sim", robots, choices=("sim", hardware)),
        Argument(
            "ft",
            "sim",
            "sim: a simulated Net F/T box (only with robot:=sim); netft: an ATI Net F/T box; "
            "topic: another driver's topic ft_topic",
            choices=("sim", "netft", "topic"),
        ),
        Argument.of(
            FtBridgeParameters,
            "input_topic",
            name="ft_topic",
            description="WrenchStamped topic to read (ft:=topic)",
            pattern=rf"(?=.{{1,{_MAX_NAME}}}$)(~/|/)?{_NAMES}",
            words="the name of a topic",
        ),
        Argument.of(
            PolicyParameters,
            "policy",
            description="ONNX policy; empty: the shipped one of the task",
            kind=Path,
            optional=True,
        ),
        Argument(
            "config",
            "",
            f"Your cell: a parameters file, which overrides config/{name}.yaml and the task's",
            Path,
            optional=True,
        ),
    ]


def _attempt_arguments(name: str) -> list[Argument]:
    """Return the arguments for the number of attempts and the place of their records."""
    return [
        *(Argument.of(SupervisorParameters, each) for each in ("attempts", "retries", "record")),
        Argument.of(
            SupervisorParameters,
            "run_dir",
            description="Folder for attempts.jsonl and bags/, made if missing; empty: "
            f"runs/{name}_<time>, a new one",
            **FOLDER,
        ),
        Argument(
            "record_wire",
            "false",
            "Record the telegrams of sensor and robot as well, for replay_bag --from wire",
            bool,
            ON_OFF,
        ),
    ]


def robot_address(values: Mapping[str, object]) -> str:
    """Return the controller's address; empty if none is given for a real robot."""
    return str(values["robot_ip"]) or (SIM_ROBOT_IP if values["robot"] == "sim" else "")


def contradictions(values: Mapping[str, object]) -> list[str]:
    """Return an error message for each contradiction between values that are valid alone."""
    robot, ft = values["robot"], values["ft"]
    found = []
    if robot != "sim" and ft == "sim":
        found.append(
            f"robot:={robot} moves a real arm and needs a real sensor: expected ft:=netft or "
            "ft:=topic, got ft:=sim"
        )
    if robot == "rsi" and not values["robot_ip"]:
        found.append("robot_ip: expected the controller's IPv4 address with robot:=rsi, got none")
    simulated = {"robot_ip": robot == "sim", "sensor_ip": ft == "sim"}
    found += [
        f"{name}: expected an address of this host, 127.x.x.x, for what is simulated, got "
        f"{values[name]}"
        for name, is_simulated in simulated.items()
        if is_simulated and values.get(name) and not is_loopback(str(values[name]))
    ]
    return found


def sensor_parameters(values: Mapping[str, object]) -> dict[str, object]:
    """Return the address and port parameters of the sensor."""
    box = SimSensorParameters() if values["ft"] == "sim" else NetFtConfig()
    return {
        "sensor_ip": values["sensor_ip"] or box.sensor_ip,
        "rdt_port": values["rdt_port"],
        "http_port": values["http_port"] or box.http_port,
    }


def wire_parameters(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return the parameters of ``record_wire`` by node; none if it is false."""
    if not values.get("record_wire"):
        return {}
    wire: dict[str, object] = {"publish_wire": True}
    topics = [*RecorderParameters().topics, *WIRE_TOPICS]
    return {"ft_bridge": wire, "kuka_bridge": wire, "bag_recorder": {"topics": topics}}


def budget_parameters(values: Mapping[str, object]) -> dict[str, object]:
    """Return the force and torque budgets given as launch arguments, for ``kuka_bridge``."""
    return {name: values[name] for name in _BUDGETS if values.get(name, "") != ""}


def compliance_parameter(values: Mapping[str, object]) -> str:
    """Return the compliance for ``sim_cell``, a number without an exponent.

    launch writes the text 2.5e5 without quotes, and rcl then reads a number, not a text.
    """
    text = str(values["compliance"])
    return text if text.isalpha() else f"{float(text):.1f}"


def supervisor_parameters(values: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of ``assembly_supervisor``."""
    simulated = values["robot"] == "sim"
    return {
        **{name: values[name] for name in ("task", "attempts", "retries", "record", "run_dir")},
        # The operator starts a real controller's program, so there is no time limit.
        "ready_timeout_s": 60.0 if simulated else 0.0,
        "auto_start": simulated,
        "simulated_cell": simulated,
    }
