"""Visualization nodes of a deployment: cell_view, robot_state_publisher and RViz.

The deployment keeps running when one of them exits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch_ros.actions import Node

from der_ros.control.frame_names import BASE_FRAME
from der_ros.documents import read_text
from der_ros.drivers.arm.links import renamed
from der_ros.installation import is_installed
from der_ros.launching.refusals import refusing
from der_ros.nodes.shared.launch_watch import this_launch
from der_ros.policy.shipped import shipped_config_file

Values = Mapping[str, object]
_PUBLISHER = "robot_state_publisher"


def view_actions(values: Values, parameters: Values) -> list[Any]:
    """Return the visualization nodes selected by ``view:=`` and ``rviz:=``.

    Args:
        values: Launch arguments by name.
        parameters: Parameters of ``cell_view``.
    """
    if not values["view"]:
        return []
    namespace = str(values["namespace"]) or None
    has_publisher = is_installed(_PUBLISHER)
    drawn = {**parameters, "publish_arm_frames": not has_publisher}
    nodes = [_node("der_ros", "cell_view", namespace, parameters=[drawn])]
    if has_publisher:
        described = [{"robot_description": _description(parameters)}]
        names = [("joint_states", "kuka/joint_states")]
        nodes.append(
            _node(_PUBLISHER, _PUBLISHER, namespace, parameters=described, remappings=names)
        )
    if values["rviz"]:
        frame = str(parameters.get("base_frame", BASE_FRAME))
        arguments = ["-d", str(shipped_config_file("viewers", "cell.rviz")), "-f", frame]
        nodes.append(_node("rviz2", "rviz2", namespace, arguments=arguments))
    return nodes


def _description(parameters: Values) -> str:
    """Return the URDF with its base and joints renamed to the driver's names.

    Raises:
        RuntimeError: The file cannot be read, is no URDF, or has another number of joints.
    """
    path = parameters.get("urdf") or shipped_config_file("robots", f"{parameters['robot']}.urdf")
    names = parameters.get("joint_names")
    with refusing(str(path)):
        return renamed(
            read_text(Path(str(path))),
            str(parameters.get("base_frame", BASE_FRAME)),
            [str(name) for name in names if name] if isinstance(names, list) else [],
        )


def _node(package: str, executable: str, namespace: str | None, **options: Any) -> Node:
    return Node(
        package=package,
        executable=executable,
        name=executable,
        namespace=namespace,
        output="screen",
        additional_env=this_launch(),
        **options,
    )
