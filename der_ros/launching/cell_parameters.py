"""A cell's parameters files: read, checked and merged, without a node and rclpy.

ROS ignores a parameter that no node declares, so one wrong letter leaves a limit at its default.
In ROS a value under ``/**`` also loses against one under a node's name, whichever file comes later;
here the later file wins.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from der_ros.documents import read_yaml
from der_ros.errors import ConfigurationError
from der_ros.parameters.node_parameters import NODE_PARAMETERS, parameter_names
from der_ros.policy.shipped import shipped_config_file

EVERY_NODE = "/**"
NODES = tuple(NODE_PARAMETERS)
CELLS = ("deploy_kr60", "deploy_iiwa")
FROM_ROS = frozenset({"use_sim_time", "start_type_description_service"})
"""Parameters that rclpy gives every node."""

Parameters = Mapping[str, object]
Nodes = Mapping[str, Parameters]


def shipped_config(cell: str = CELLS[0]) -> Path:
    """Return ``config/<cell>.yaml`` of the installed package, else of the sources."""
    return shipped_config_file(f"{cell}.yaml")


def task_config(task: str, cell: str = CELLS[0]) -> Path:
    """Return the file of a task, over which ``<cell>.launch.py`` lays ``shipped_config(cell)``."""
    return shipped_config(cell).with_suffix("") / f"{task}.yaml"


def refuse_simulated_frame(values: Parameters, cell: str) -> None:
    """Check that ``task_frame`` was measured, for a cell with a real robot.

    Raises:
        ConfigurationError: it is the one of the simulated cell ``cell``.
    """
    simulated = read_parameters(shipped_config(cell))[EVERY_NODE]
    if values.get("task_frame") == simulated.get("task_frame"):
        raise ConfigurationError(
            "task_frame is still that of the simulated cell; measure yours (docs/how-to/kr60.md)"
        )


def read_parameters(path: Path, namespace: str = "") -> dict[str, dict[str, object]]:
    """Read a parameters file: node name, or ``EVERY_NODE``, to its parameters.

    A node may be named as ``node``, ``/node``, ``/**/node``, or with the cell's ``namespace``.

    Raises:
        ConfigurationError: not readable, not YAML, or not ``node: ros__parameters: name: value``.
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
    """Return a node's name without the prefix of this cell's namespace."""
    own = f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"
    if node in (EVERY_NODE, f"{own}**"):
        return EVERY_NODE
    for prefix in ("/**/", own, "/"):
        bare = node.removeprefix(prefix)
        if bare != node and "/" not in bare:
            return bare
    return node


def merged(layers: Iterable[Nodes], node: str) -> dict[str, object]:
    """Return the parameters of ``node``; a later layer wins, and in it the node's own."""
    values: dict[str, object] = {}
    for layer in layers:
        values |= {**layer.get(EVERY_NODE, {}), **layer.get(node, {})}
    return values


def problems(nodes: Nodes, reserved: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """Return what is wrong with the names, and the kinds of values, in a parameters file.

    Args:
        nodes: as ``read_parameters`` returns them.
        reserved: of each node the parameters that are given in another way, as launch arguments.
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


def _complaint(node: str, name: str, value: object, reserved: Mapping[str, Collection[str]]) -> str:
    if name not in known_names(node):
        return f": no node declares it{_nearest(name, known_names(node))}"
    if not _is_value(value):
        return f": expected a number, a text, true, false or a list of one of them, got {value!r}"
    of_node = set().union(*reserved.values()) if node == EVERY_NODE else reserved.get(node, ())
    return f": give it as the launch argument {name}:={value}" if name in of_node else ""


def _is_value(value: object) -> bool:
    kinds = {type(item) for item in (value if isinstance(value, list) else [value])}
    return kinds == {int, float} or (len(kinds) == 1 and kinds <= {bool, int, float, str})


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def known_names(node: str) -> frozenset[str]:
    """Return the names of the parameters that ``node``, or with ``EVERY_NODE`` any, declares."""
    nodes = NODES if node == EVERY_NODE else (node,)
    return frozenset().union(*map(parameter_names, nodes)) | FROM_ROS
