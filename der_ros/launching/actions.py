"""Parts that the launch files share: their checks, the end of processes, a deployment's nodes.

Plain actions only, so that the ``launch`` of ROS 2 and the one for machines without ROS 2 both run
it. All arguments and files are checked before anything starts.
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

from der_ros.errors import ConfigurationError
from der_ros.installation import is_installed
from der_ros.launching.arguments import Argument, checked, unknown
from der_ros.launching.cell_parameters import (
    NODES,
    Nodes,
    merged,
    problems,
    read_parameters,
    refuse_simulated_frame,
    shipped_config,
    task_config,
)
from der_ros.launching.deployment_arguments import (
    SIM_SENSOR_IP,
    budget_parameters,
    contradictions,
    is_local,
    sensor_parameters,
    supervisor_parameters,
)
from der_ros.launching.run_parameters import write_run_parameters
from der_ros.launching.view import view_actions
from der_ros.nodes.shared.launch_watch import this_launch
from der_ros.nodes.shared.middleware import ADDRESS_VARIABLE
from der_ros.run_folders import new_run_folder

Values: TypeAlias = Mapping[str, object]


class RobotParts(NamedTuple):
    """Parts of a deployment that differ between robots.

    Attributes:
        arm: name of the arm that is drawn.
        sim_cell: parameters of the simulated cell's robot.
        kuka_bridge: parameters of the bridge to it.
        below: parameters files that those of the task and the cell have precedence over.
    """

    arm: str
    sim_cell: Values
    kuka_bridge: Values
    below: Sequence[Path] = ()


def end_all(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """Shut the launch down if any process exits; fail if that process failed.

    ``ros2 launch`` returns 0 after a plain ``Shutdown``, also when a process died.

    Raises:
        RuntimeError: the process failed while the rest was still meant to run.
    """
    if event.returncode != 0 and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} failed with exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} ended")


def checked_launch(
    arguments: Sequence[Argument],
    start: Callable[[LaunchContext, Values], list[Any]],
    refuse: Callable[[Values], list[str]] = lambda _values: [],
) -> LaunchDescription:
    """Return a launch that checks its arguments by name before it starts anything.

    Args:
        arguments: the table of them.
        start: returns the actions.
        refuse: returns the contradictions between values that are each valid.
    """

    def check(context: LaunchContext) -> None:
        accept(context)

    def accept(context: LaunchContext) -> Values:
        values, wrong = checked(arguments, _given_texts(context))
        wrong = [*unknown(arguments, given_arguments(context)), *wrong]
        wrong = wrong or refuse(values)
        if wrong:
            raise RuntimeError("nothing was started: " + "; ".join(wrong))
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
    """Return the names of what was given to this launch file, by a person or by another file.

    In ``context.launch_configurations`` they look like the arguments that an including file has set
    for itself. So the action that includes this file is asked, which is being visited now.
    """
    include = _include()
    return [] if include is None else [_text(context, name) for name, _ in include.launch_arguments]


def _given_texts(context: LaunchContext) -> dict[str, str]:
    """Return what was given to this launch file itself.

    A value that an including file has for its own argument of the same name is none of ours, though
    it stands in ``context.launch_configurations``, too.
    """
    texts = dict(context.launch_configurations)
    if _include() is None:
        return texts
    return {name: texts[name] for name in given_arguments(context) if name in texts}


def _include() -> IncludeLaunchDescription | None:
    """Return the action that includes this launch file, which is being visited now."""
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


def only_here() -> SetEnvironmentVariable:
    """Return the action that limits nodes launched after it to this computer."""
    return SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def launched_node(executable: str, parameters: Values, values: Values, **options: Any) -> Node:
    """Return a node of this package in the namespace of ``namespace:=``.

    If any node exits, shut the launch down: no robot may move with a part of the chain missing.
    """
    return Node(
        package="der_ros",
        executable=executable,
        name=executable,
        namespace=str(values["namespace"]) or None,
        parameters=[dict(parameters)],
        output="screen",
        on_exit=end_all,
        additional_env=this_launch(),
        **options,
    )


def joy_node(values: Values) -> Node:
    """Return the joystick node of ROS 2's package ``joy``, in the namespace of ``namespace:=``.

    It repeats its reading at 50 Hz, so that silence means that the device has gone.
    """
    return Node(
        package="joy",
        executable="joy_node",
        namespace=str(values["namespace"]) or None,
        parameters=[{"autorepeat_rate": 50.0, "deadzone": 0.0}],
        output="screen",
        on_exit=end_all,
    )


def deployment(
    name: str,
    arguments: Sequence[Argument],
    robot: Callable[[Values], RobotParts],
    fixed: Values | None = None,
    extra: Callable[[Values], Mapping[str, Values]] = lambda _values: {},
    beside: Callable[[Values], list[Any]] = lambda _values: [],
) -> LaunchDescription:
    """Return the launch of a deployment's nodes.

    Args:
        name: of the launch file, of its configuration and of its folder in ``config/``.
        arguments: of ``deployment_arguments``.
        robot: returns the parts that differ between robots.
        fixed: values of arguments that this launch file does not have.
        extra: returns further parameters by node, and those of further nodes.
        beside: returns actions beside the nodes of this package.
    """

    def start(context: LaunchContext, asked: Values) -> list[Any]:
        values = {**asked, **(fixed or {})}
        values["run_dir"] = values["run_dir"] or _new_run_folder(name)
        parts = robot(values)
        given = dict(_given(values, parts))
        for node, parameters in extra(values).items():
            given[node] = {**given.get(node, {}), **parameters}
        namespace = _namespace(context, values)
        own = _own_parameters(values, namespace, arguments, given)
        task = task_config(str(values["task"]), name)
        paths = [*parts.below, task, shipped_config(name)]
        shipped = [read_parameters(path) for path in paths]
        _require_measured_frame(values, merged([*shipped, own], "kuka_bridge"), name)
        chosen = {node: merged([*shipped, {node: given[node]}, own], node) for node in given}
        _keep_parameters(values, chosen)
        nodes = [launched_node(node, parameters, values) for node, parameters in chosen.items()]
        drawn = merged([*shipped, own], "cell_view") | {"robot": parts.arm, "task": values["task"]}
        return [*_network(values), *nodes, *beside(values), *view_actions(values, drawn)]

    def refuse(values: Values) -> list[str]:
        missing = values["rviz"] and not is_installed("rviz2")
        return [
            *contradictions(values),
            *(["rviz: expected an installed and sourced rviz2, found none"] if missing else []),
        ]

    return checked_launch(arguments, start, refuse)


def _keep_parameters(values: Values, chosen: dict[str, dict[str, object]]) -> None:
    """Write what the nodes get into the run's folder, and have it stored in each bag.

    Raises:
        RuntimeError: the folder cannot be written.
    """
    try:
        path = write_run_parameters(Path(str(values["run_dir"])), values, chosen)
    except ConfigurationError as error:
        raise RuntimeError(f"nothing was started: {error}") from error
    recorder = chosen.get("bag_recorder")
    if recorder is not None:
        own = [str(values["config"])] if values["config"] else []
        asked = recorder.get("attachments", [])
        assert isinstance(asked, (list, tuple))
        recorder["attachments"] = [*asked, str(path), *own]


def _new_run_folder(name: str) -> str:
    """Make the folder of a run of its own.

    Raises:
        RuntimeError: it cannot be made.
    """
    try:
        return str(new_run_folder(name))
    except ConfigurationError as error:
        raise RuntimeError(f"nothing was started: {error}") from error


def _network(values: Values) -> list[SetEnvironmentVariable]:
    """Return the actions that limit ROS 2 to this computer, or to the chosen interface."""
    if values["dds_address"]:
        return [SetEnvironmentVariable(ADDRESS_VARIABLE, str(values["dds_address"]))]
    return [only_here()] if values["robot"] == "sim" else []


def _given(values: Values, parts: RobotParts) -> dict[str, Values]:
    """Return the nodes to start, with the parameters that the launch file gives them."""
    simulated = values["robot"] == "sim"
    task, sensor = {"task": values["task"]}, sensor_parameters(values)
    source = "topic" if values["ft"] == "topic" else "netft"
    box = sensor["sensor_ip"] if is_local(sensor["sensor_ip"]) else SIM_SENSOR_IP
    given: dict[str, Values] = {
        "sim_cell": {
            **task,
            **{name: values[name] for name in ("seed", "compliance")},
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
        # The policy moves only while assembly_supervisor publishes that it watches.
        "policy_server": {**task, "policy": values["policy"], "watch_timeout_s": 0.5},
        "bag_recorder": {"run_dir": values["run_dir"], "keep_bags": values["keep_bags"]},
        "assembly_supervisor": supervisor_parameters(values),
    }
    left_out = {
        "sim_cell": not simulated and values["ft"] != "sim",
        "bag_recorder": not values["record"],
    }
    return {node: parameters for node, parameters in given.items() if not left_out.get(node)}


def _own_parameters(
    values: Values, namespace: str, arguments: Sequence[Argument], given: Mapping[str, Values]
) -> Nodes:
    """Return the parameters of ``config:=``.

    Raises:
        RuntimeError: it is no parameters file, or something in it would not be taken.
    """
    if not values["config"]:
        return {}
    names = {argument.name for argument in arguments}
    reserved = {node: names & parameters.keys() for node, parameters in given.items()}
    try:
        own = read_parameters(Path(str(values["config"])), namespace)
    except ConfigurationError as error:
        raise RuntimeError(f"nothing was started: config: {error}") from error
    wrong = problems(own, {node: reserved.get(node, set()) for node in NODES})
    if wrong:
        raise RuntimeError(f"nothing was started: config: {values['config']}: {'; '.join(wrong)}")
    return own


def _require_measured_frame(values: Values, parameters: Values, name: str) -> None:
    """Check the task frame of a real robot; one at an address of this host is simulated.

    Raises:
        RuntimeError: it is still that of the simulated cell.
    """
    if values["robot"] == "sim" or is_local(str(values.get("robot_ip", ""))):
        return
    try:
        refuse_simulated_frame(parameters, name)
    except ConfigurationError as error:
        raise RuntimeError(f"nothing was started: {error}; give it by config:=") from error


def _namespace(context: LaunchContext, values: Values) -> str:
    """Return the nodes' namespace: the argument's, below that of a group around the include."""
    own = str(values["namespace"])
    outer = context.launch_configurations.get("ros_namespace", "")
    return own if own.startswith("/") else f"{outer}/{own}".rstrip("/")
