"""Actions that the launch files share: argument checks, shutdown, and a deployment's nodes.

The actions run under the ``launch`` package of ROS 2 and under the substitute for computers without
ROS 2. All arguments and files are checked before any process starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from der_ros.drivers.addresses import is_loopback
from der_ros.installation import is_installed
from der_ros.launching.arguments import Argument, checked, repeated, unknown
from der_ros.launching.cell_parameters import (
    NODES,
    Nodes,
    merged,
    problems,
    read_parameters,
    refuse_simulated_frame,
    shipped_config,
    task_config,
    wrong_values,
)
from der_ros.launching.deployment_arguments import (
    SIM_SENSOR_IP,
    budget_parameters,
    compliance_parameter,
    contradictions,
    sensor_parameters,
    supervisor_parameters,
    wire_parameters,
)
from der_ros.launching.refusals import refusal, refusing
from der_ros.launching.run_parameters import write_run_parameters
from der_ros.launching.view import view_actions
from der_ros.nodes.shared.launch_watch import this_launch
from der_ros.nodes.shared.middleware import ADDRESS_VARIABLE
from der_ros.policy.governor import GovernorLimits
from der_ros.run_folders import new_run_folder
from der_ros.settings import made_from

Values: TypeAlias = Mapping[str, object]

FINISHING = ("assembly_supervisor", "bag_player", "demo_recorder", "sim_trainer")
"""Nodes whose exit with code 0 is the intended end of their launch."""


class RobotParts(NamedTuple):
    """Parts of a deployment that differ between robots.

    Attributes:
        arm: Name of the arm that ``cell_view`` draws.
        sim_cell: Robot parameters for ``sim_cell``.
        kuka_bridge: Robot parameters for ``kuka_bridge``.
        base_files: Parameters files with lower precedence than those of the task and the cell.
    """

    arm: str
    sim_cell: Values
    kuka_bridge: Values
    base_files: Sequence[Path] = ()


def shutdown_on_exit(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """Return the action that shuts the launch down after a process exit; raise if it failed.

    After a plain ``Shutdown``, ``ros2 launch`` returns 0 even if a process crashed.

    Raises:
        RuntimeError: The process failed before the launch began to shut down.
    """
    if event.returncode != 0 and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} failed with exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} ended")


def failure_on_exit(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """Return the action that shuts the launch down; raise if the process ended before the launch.

    For nodes that have no work to finish: any end but that of the launch is a failure.

    Raises:
        RuntimeError: The process ended before the launch began to shut down.
    """
    if event.returncode == 0 and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} ended before the launch, with exit code 0")
    return shutdown_on_exit(event, context)


def checked_launch(
    arguments: Sequence[Argument],
    start: Callable[[LaunchContext, Values], list[Any]],
    refuse: Callable[[Values], list[str]] = lambda _values: [],
) -> LaunchDescription:
    """Return a launch description that checks all arguments before it starts anything.

    Args:
        arguments: Arguments of the launch file.
        start: Function that returns the actions for the checked values.
        refuse: Function that returns one message per contradiction between valid values.
    """

    def check(context: LaunchContext) -> None:
        accept(context)

    def accept(context: LaunchContext) -> Values:
        values, wrong = checked(arguments, _given_texts(context))
        given = given_arguments(context)
        wrong = [*unknown(arguments, given), *repeated(arguments, context.argv, given), *wrong]
        wrong = wrong or refuse(values)
        if wrong:
            raise refusal("; ".join(wrong))
        return values

    return LaunchDescription(
        [
            OpaqueFunction(function=check),
            *map(_declared, arguments),
            OpaqueFunction(function=lambda context: start(context, accept(context))),
        ]
    )


def _declared(argument: Argument) -> DeclareLaunchArgument:
    ranged = argument.kind in (int, float) and not argument.choices
    choices = {"choices": list(argument.choices)} if argument.choices else {}
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description + (f" ({argument.expected})" if ranged else ""),
        **choices,
    )


def given_arguments(context: LaunchContext) -> list[str]:
    """Return the names of the arguments passed to this launch file by a user or another file.

    ``context.launch_configurations`` also holds the arguments of an including launch file, so the
    names are read from the include action that is being visited.
    """
    include = _include()
    return [] if include is None else [_text(context, name) for name, _ in include.launch_arguments]


def _given_texts(context: LaunchContext) -> dict[str, str]:
    """Return the argument texts passed to this launch file, by name.

    Values in ``context.launch_configurations`` that belong to an including launch file, and were
    not passed on by it, are left out.
    """
    texts = dict(context.launch_configurations)
    if _include() is None:
        return texts
    return {name: texts[name] for name in given_arguments(context) if name in texts}


def _include() -> IncludeLaunchDescription | None:
    """Return the include action of this launch file, found on the call stack; None without one."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        for local in frame.f_locals.values():
            if isinstance(local, IncludeLaunchDescription):
                return local
        frame = frame.f_back
    return None


def _text(context: LaunchContext, parts: Any) -> str:
    parts = parts if isinstance(parts, list | tuple) else [parts]
    return "".join(
        part if isinstance(part, str) else context.perform_substitution(part) for part in parts
    )


def localhost_only() -> SetEnvironmentVariable:
    """Return the action that limits ROS 2 discovery of later nodes to this computer."""
    return SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def launched_node(executable: str, parameters: Values, values: Values, **options: Any) -> Node:
    """Return the action for a node of this package, in the namespace of ``namespace:=``.

    The launch shuts down when the node exits: no robot may move with a node of the chain missing.
    It has failed unless the node is one whose work has an end.
    """
    return Node(
        package="der_ros",
        executable=executable,
        name=executable,
        namespace=str(values["namespace"]) or None,
        parameters=[dict(parameters)],
        output="screen",
        on_exit=shutdown_on_exit if executable in FINISHING else failure_on_exit,
        additional_env=this_launch(),
        **options,
    )


def joy_node(values: Values) -> Node:
    """Return the action for ``joy_node`` of the ``joy`` package, in the launch's namespace.

    It repeats its last message at 50 Hz, so a silent topic means that the device is gone.
    """
    return Node(
        package="joy",
        executable="joy_node",
        namespace=str(values["namespace"]) or None,
        parameters=[{"autorepeat_rate": 50.0, "deadzone": 0.0}],
        output="screen",
        on_exit=failure_on_exit,
    )


def deployment(
    name: str,
    arguments: Sequence[Argument],
    robot: Callable[[Values], RobotParts],
    fixed: Values | None = None,
    extra: Callable[[Values], Mapping[str, Values]] = lambda _values: {},
    beside: Callable[[Values], list[Any]] = lambda _values: [],
) -> LaunchDescription:
    """Return the launch description of a deployment.

    Args:
        name: Name of the launch file, its parameters file and its folder in ``config/``.
        arguments: Launch arguments, made by ``deployment_arguments``.
        robot: Function that returns the parts that differ between robots.
        fixed: Values for deployment arguments that this launch file does not offer.
        extra: Function that returns more parameters by node; a new name adds a node.
        beside: Function that returns further actions, such as nodes of other packages.
    """

    def start(context: LaunchContext, asked: Values) -> list[Any]:
        values = {**asked, **(fixed or {})}
        values["run_dir"] = values["run_dir"] or _new_run_folder(name)
        parts = robot(values)
        given = _joined(_node_parameters(values, parts), extra(values))
        namespace = _namespace(context, values)
        own = _own_parameters(values, namespace, arguments, given)
        task = task_config(str(values["task"]), name)
        paths = [*parts.base_files, task, shipped_config(name)]
        shipped = [read_parameters(path) for path in paths]
        _require_measured_frame(values, merged([*shipped, own], "kuka_bridge"), name)
        chosen = {node: merged([*shipped, {node: given[node]}, own], node) for node in given}
        _require_limits(chosen["kuka_bridge"])
        _keep_parameters(values, chosen)
        nodes = [launched_node(node, parameters, values) for node, parameters in chosen.items()]
        drawn = merged([*shipped, own], "cell_view") | {"robot": parts.arm, "task": values["task"]}
        drawn |= {"page_port": values["page_port"]} if values["page_port"] else {}
        return [*_network(values), *nodes, *beside(values), *view_actions(values, drawn)]

    return checked_launch(arguments, start, _contradictions)


def _contradictions(values: Values) -> list[str]:
    """Return one message per contradiction between values, or with what is installed."""
    missing = values["rviz"] and not is_installed("rviz2")
    return [
        *contradictions(values),
        *(["rviz: expected an installed and sourced rviz2, found none"] if missing else []),
    ]


def _joined(first: Mapping[str, Values], second: Mapping[str, Values]) -> dict[str, Values]:
    """Return the parameters of both by node; a value of ``second`` wins."""
    return {node: {**first.get(node, {}), **second.get(node, {})} for node in {**first, **second}}


def _require_limits(parameters: Values) -> None:
    """Check the motion governor's limits and force budgets, as ``kuka_bridge`` will.

    Raises:
        RuntimeError: A limit is out of range, or a budget cannot be kept.
    """
    with refusing():
        limits = made_from(GovernorLimits, parameters)
        limits.check_budget(0.001 * float(str(parameters["cycle_ms"])))


def _keep_parameters(values: Values, chosen: dict[str, dict[str, object]]) -> None:
    """Write the nodes' parameters into the run folder and attach the file to each bag.

    Raises:
        RuntimeError: The folder cannot be written.
    """
    with refusing():
        path = write_run_parameters(Path(str(values["run_dir"])), values, chosen)
    recorder = chosen.get("bag_recorder")
    if recorder is not None:
        own = [str(values["config"])] if values["config"] else []
        asked = recorder.get("attachments", [])
        assert isinstance(asked, (list, tuple))
        recorder["attachments"] = [*asked, str(path), *own]


def _new_run_folder(name: str) -> str:
    """Create a new run folder and return its path.

    Raises:
        RuntimeError: The folder cannot be created.
    """
    with refusing():
        return str(new_run_folder(name))


def _network(values: Values) -> list[SetEnvironmentVariable]:
    """Return the actions that limit ROS 2 to this computer or to the chosen interface."""
    if values["dds_address"]:
        return [SetEnvironmentVariable(ADDRESS_VARIABLE, str(values["dds_address"]))]
    return [localhost_only()] if values["robot"] == "sim" else []


def _node_parameters(values: Values, parts: RobotParts) -> dict[str, Values]:
    """Return the nodes to start, each with the parameters that the launch file sets."""
    simulated = values["robot"] == "sim"
    task, sensor = {"task": values["task"]}, sensor_parameters(values)
    source = "topic" if values["ft"] == "topic" else "netft"
    box = sensor["sensor_ip"] if is_loopback(str(sensor["sensor_ip"])) else SIM_SENSOR_IP
    given: dict[str, Values] = {
        "sim_cell": {
            **task,
            "seed": values["seed"],
            "compliance": compliance_parameter(values),
            **sensor,
            "sensor_ip": box,
            **parts.sim_cell,
        },
        "ft_bridge": {"source": source, "input_topic": values["ft_topic"], **sensor},
        "kuka_bridge": {
            "command_publishers": "policy_server assembly_supervisor",
            "wrench_publishers": "ft_bridge",
            "simulated_robot": simulated,
            **budget_parameters(values),
            **parts.kuka_bridge,
        },
        # The policy acts only while assembly_supervisor publishes policy_server/watched.
        "policy_server": {**task, "policy": values["policy"], "watch_timeout_s": 0.5},
        "bag_recorder": {"run_dir": values["run_dir"], "keep_bags": values["keep_bags"]},
        "assembly_supervisor": supervisor_parameters(values),
    }
    given = _joined(given, wire_parameters(values))
    left_out = {
        "sim_cell": not simulated and values["ft"] != "sim",
        "bag_recorder": not values["record"],
    }
    return {node: parameters for node, parameters in given.items() if not left_out.get(node)}


def _own_parameters(
    values: Values, namespace: str, arguments: Sequence[Argument], given: Mapping[str, Values]
) -> Nodes:
    """Return the parameters of the file ``config:=``.

    Raises:
        RuntimeError: The file is not a parameters file, or holds a name or value that no node
            accepts.
    """
    if not values["config"]:
        return {}
    names = {argument.name for argument in arguments}
    reserved = {node: names & parameters.keys() for node, parameters in given.items()}
    with refusing("config"):
        own = read_parameters(Path(str(values["config"])), namespace)
    wrong = problems(own, {node: reserved.get(node, set()) for node in NODES})
    wrong = wrong or wrong_values(own)
    if wrong:
        raise refusal(f"config: {values['config']}: {'; '.join(wrong)}")
    return own


def _require_measured_frame(values: Values, parameters: Values, name: str) -> None:
    """Check that a real robot has a measured task frame; at a local address it is simulated.

    Raises:
        RuntimeError: The task frame is still that of the simulated cell.
    """
    if values["robot"] == "sim" or is_loopback(str(values.get("robot_ip", ""))):
        return
    with refusing(remedy="give it by config:="):
        refuse_simulated_frame(parameters, name)


def _namespace(context: LaunchContext, values: Values) -> str:
    """Return the nodes' namespace: ``namespace:=`` below the namespace of an enclosing group."""
    own = str(values["namespace"])
    outer = context.launch_configurations.get("ros_namespace", "")
    return own if own.startswith("/") else f"{outer}/{own}".rstrip("/")
