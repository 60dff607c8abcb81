"""Reading, checking and merging of a cell's parameters files, without rclpy.

ROS ignores a parameter that no node declares, so a typing error leaves a limit at its default.
In ROS a value under a node's name also overrides one under ``/**``, even from a later file; here
the later file wins.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from der_ros.documents import read_yaml, shortened
from der_ros.errors import ConfigurationError
from der_ros.parameters.node_parameters import NODE_PARAMETERS, node_parameters, parameter_names
from der_ros.parameters.shared import frame_pose
from der_ros.policy.shipped import shipped_config_file
from der_ros.settings import checked

EVERY_NODE = "/**"
NODES = tuple(NODE_PARAMETERS)
CELLS = ("deploy_kr60", "deploy_iiwa")
FRAMES = ("task_frame", "tcp_from_sensor", "flange_from_tcp")
"""Parameters that are poses."""
FROM_ROS = frozenset({"use_sim_time", "start_type_description_service"})
"""Parameters that rclpy declares for every node."""

Parameters = Mapping[str, object]
Nodes = Mapping[str, Parameters]


def shipped_config(cell: str = CELLS[0]) -> Path:
    """Return the path of ``config/<cell>.yaml`` in the installed package, else in the sources."""
    return shipped_config_file(f"{cell}.yaml")


def task_config(task: str, cell: str = CELLS[0]) -> Path:
    """Return the parameters file of a task; ``shipped_config(cell)`` overrides its values."""
    return shipped_config(cell).with_suffix("") / f"{task}.yaml"


def refuse_simulated_frame(values: Parameters, cell: str) -> None:
    """Check that ``task_frame`` was measured, for a cell with a real robot.

    Raises:
        ConfigurationError: It equals the ``task_frame`` shipped for the simulated ``cell``.
    """
    simulated = read_parameters(shipped_config(cell))[EVERY_NODE]
    if values.get("task_frame") == simulated.get("task_frame"):
        raise ConfigurationError(
            "task_frame is still that of the simulated cell; measure yours (docs/how-to/kr60.md)"
        )


def read_parameters(path: Path, namespace: str = "") -> dict[str, dict[str, object]]:
    """Read a parameters file; return the parameters by node name or ``EVERY_NODE``.

    The file may name a node as ``node``, ``/node``, ``/**/node``, or below ``namespace``.

    Raises:
        ConfigurationError: The file is not readable, not YAML, or not of the form
            ``node: ros__parameters: name: value``.
    """
    form = "expected 'node:', below it 'ros__parameters:', below it 'name: value'"
    try:
        document = read_yaml(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {form}, got an error: {error}") from error
    nodes: dict[str, dict[str, object]] = {}
    for node, content in document.items() if isinstance(document, dict) else ((path, None),):
        values = content.get("ros__parameters") if isinstance(content, dict) else None
        if not isinstance(values, dict):
            raise ConfigurationError(f"{path}: {form}, got something else at '{node}'")
        nodes.setdefault(_bare(str(node), namespace), {}).update(
            {str(name): value for name, value in values.items()}
        )
    return nodes


def _bare(node: str, namespace: str) -> str:
    """Return a node's name without this cell's namespace."""
    own = f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"
    if node in (EVERY_NODE, f"{own}**"):
        return EVERY_NODE
    for prefix in ("/**/", own, "/"):
        bare = node.removeprefix(prefix)
        if bare != node and "/" not in bare:
            return bare
    return node


def merged(layers: Iterable[Nodes], node: str) -> dict[str, object]:
    """Return the parameters of ``node``.

    A later layer overrides an earlier one. Within a layer, the node's own entry overrides
    ``EVERY_NODE``.
    """
    values: dict[str, object] = {}
    for layer in layers:
        values |= {**layer.get(EVERY_NODE, {}), **layer.get(node, {})}
    return values


def problems(nodes: Nodes, reserved: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """Return an error message for each wrong name or value type in a parameters file.

    Args:
        nodes: Parameters by node, as ``read_parameters`` returns them.
        reserved: Names by node of parameters that must be set by launch argument instead.
    """
    found = []
    for node, values in nodes.items():
        if node not in (*NODES, EVERY_NODE):
            found.append(f"no such node: {node}{_nearest(node, NODES)}")
            continue
        for name, value in values.items():
            complaint = _complaint(node, name, value, reserved or {})
            if complaint:
                found.append(f"{node}.{name}{complaint}")
    return found


def wrong_values(nodes: Nodes) -> list[str]:
    """Return an error message for each value that its node refuses, and each invalid frame.

    Args:
        nodes: Parameters by node, as ``read_parameters`` returns them, of known names.
    """
    return [
        f"{node}.{name}: {refusal}"
        for node, values in nodes.items()
        for name, value in values.items()
        if (refusal := _refusal(node, name, value))
    ]


def _complaint(node: str, name: str, value: object, reserved: Mapping[str, Collection[str]]) -> str:
    if name not in known_names(node):
        return f": no node declares it{_nearest(name, known_names(node))}"
    if not _is_value(value):
        got = shortened(value)
        return f": expected a number, a text, true, false or a list of one of them, got {got}"
    of_node = set().union(*reserved.values()) if node == EVERY_NODE else reserved.get(node, ())
    return f": give it as the launch argument {name}:={value}" if name in of_node else ""


def _refusal(node: str, name: str, value: object) -> str:
    """Return why no dataclass of the node takes a value; empty if one does."""
    nodes = NODES if node == EVERY_NODE else (node,)
    reasons = []
    for each in node_parameters():
        if each.node in nodes and each.setting.name == name:
            try:
                numbers = checked(each.setting, value)
                if name in FRAMES:
                    frame_pose(name, numbers)
                return ""
            except ConfigurationError as error:
                reasons.append(str(error).removeprefix("parameter ").removeprefix(f"{name}: "))
    if name in FROM_ROS and not isinstance(value, bool):
        reasons.append(f"expected true or false, got {shortened(value)}")
    return reasons[0] if reasons else ""


def _is_value(value: object) -> bool:
    kinds = {type(item) for item in (value if isinstance(value, list) else [value])}
    return kinds == {int, float} or (len(kinds) == 1 and kinds <= {bool, int, float, str})


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def known_names(node: str) -> frozenset[str]:
    """Return the parameter names that ``node`` declares, or any node for ``EVERY_NODE``."""
    nodes = NODES if node == EVERY_NODE else (node,)
    return frozenset().union(*map(parameter_names, nodes)) | FROM_ROS
