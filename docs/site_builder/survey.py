"""Survey of the nodes: parameters, topics, services and QoS that each of them declares.

    python -m site_builder.survey OUT.json

The nodes run on the loopback interface in a separate process, which exits after the survey.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import rclpy
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

import der_ros.nodes

CONFIG = Path(__file__).resolve().parents[2] / "config"
_ADDRESSES = {"sensor_ip": "127.0.0.3", "rdt_port": 0, "http_port": 0}
# Each node is started in every form that changes its declarations.
VARIANTS: Mapping[str, tuple[Mapping[str, object], ...]] = {
    "assembly_supervisor": ({"auto_start": False, "run_dir": "RUN_DIR"},),
    "bag_player": ({},),
    "bag_recorder": ({"run_dir": "RUN_DIR"},),
    "cell_view": ({},),
    "demo_recorder": ({"out": "RUN_DIR", "pilot": "joy"},),
    "ft_bridge": (
        {"source": "netft", "sensor_ip": "127.0.0.3", "publish_wire": True},
        {"source": "topic"},
    ),
    "kuka_bridge": (
        {
            "robot": "rsi",
            "robot_ip": "127.0.0.1",
            "rsi_port": 0,
            "realtime_priority": 0,
            "publish_wire": True,
        },
        {"robot": "ros2_control", "simulated_robot": True, "realtime_priority": 0},
    ),
    "policy_server": ({}, {"pilot": "joy"}, {"pilot": "scripted"}),
    "sim_cell": (
        {"robot": "kr60", **_ADDRESSES, "config": "deploy_kr60"},
        {"robot": "iiwa", **_ADDRESSES, "config": "deploy_iiwa", "cycle_ms": 8},
    ),
    "sim_trainer": (
        {"run_dir": "RUN_DIR", "workers": 0, "max_env_steps": 1},
        {"run_dir": "RUN_DIR", "workers": 0, "max_env_steps": 1, "teach": "joy"},
    ),
    "teleop_device": ({},),
}
# Parameters and topics of every rclpy node.
_OF_RCLPY = ("use_sim_time", "start_type_description_service")
_OF_RCLPY_TOPICS = ("/parameter_events", "/rosout")


class DeclaredParameter(NamedTuple):
    """One declared parameter; ``low`` and ``high`` are its range if both ends are known."""

    name: str
    kind: str
    default: object
    text: str
    unit: str
    constraints: str
    low: float | None
    high: float | None
    read_only: bool


class Endpoint(NamedTuple):
    """One topic or service of a node; ``role`` is publishes, subscribes, serves or calls."""

    role: str
    name: str
    type: str
    qos: str


class Survey(NamedTuple):
    """Declarations of one running node.

    Attributes:
        node: Name of the node.
        given: Parameters that it was started with.
        text: First paragraph of its module's docstring.
        lifecycle: True for a lifecycle node.
        parameters: Parameters in the order of declaration.
        endpoints: Topics and services in the order of creation.
    """

    node: str
    given: dict[str, object]
    text: str
    lifecycle: bool
    parameters: list[DeclaredParameter]
    endpoints: list[Endpoint]


def node_class(name: str) -> type[Any]:
    """Return the class of a node by the node's name, such as ``KukaBridge`` for ``kuka_bridge``."""
    for module in pkgutil.walk_packages(der_ros.nodes.__path__, "der_ros.nodes."):
        importlib.import_module(module.name)
    wanted = "".join(word.capitalize() for word in name.split("_"))
    return next(kind for kind in _subclasses(Node) if kind.__name__ == wanted)


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def survey(name: str, given: Mapping[str, object], run_dir: Path) -> Survey:
    """Start one node with the given parameters, close it, and return its declarations."""
    values = dict(given)
    config = values.pop("config", None)
    words = ["--params-file", str(CONFIG / f"{config}.yaml")] if config else []
    for key, value in values.items():
        words += ["-p", f"{key}:={run_dir if value == 'RUN_DIR' else json.dumps(value)}"]
    parameters: dict[str, DeclaredParameter] = {}
    endpoints: list[Endpoint] = []
    rclpy.init(args=["--ros-args", *words])
    try:
        with _recorded(parameters, endpoints):
            kind = node_class(name)
            node = kind()
            lifecycle = isinstance(node, LifecycleNode)
            node.close()
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
    text = (sys.modules[kind.__module__].__doc__ or "").split("\n\n")[0]
    return Survey(name, dict(given), text, lifecycle, list(parameters.values()), endpoints)


@contextmanager
def _recorded(
    parameters: dict[str, DeclaredParameter], endpoints: list[Endpoint]
) -> Iterator[None]:
    """Record all parameters and endpoints created on any node during the block."""

    def declare_parameter(self: Any, name: str, *words: Any, **more: Any) -> Any:
        made = declare(self, name, *words, **more)
        default = words[0] if words else more.get("value")
        if default is not None and name not in _OF_RCLPY:
            parameters[name] = _parameter(name, default, self.describe_parameter(name))
        return made

    def watched(role: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def create(self: Any, kind: type[Any], name: str, *words: Any, **more: Any) -> Any:
            made = make(self, kind, name, *words, **more)
            package = kind.__module__.split(".")[0]
            full = self.resolve_topic_name(name)
            if full not in _OF_RCLPY_TOPICS:
                qos = _qos_text(made.qos_profile)
                endpoints.append(Endpoint(role, full, f"{package}/{kind.__name__}", qos))
            return made

        return create

    declare = Node.declare_parameter
    made = {
        "create_publisher": "publishes",
        "create_subscription": "subscribes",
        "create_service": "serves",
        "create_client": "calls",
    }
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(Node, "declare_parameter", declare_parameter))
        for name, role in made.items():
            create = watched(role, getattr(Node, name))
            patches.enter_context(mock.patch.object(Node, name, create))
        yield


def _parameter(name: str, default: object, told: Any) -> DeclaredParameter:
    (low, high) = (None, None)
    for found in [*told.floating_point_range, *told.integer_range]:
        low, high = found.from_value, found.to_value
    kind = type(default).__name__
    if isinstance(default, list | tuple):
        kind = f"list of {type(default[0]).__name__}" if default else "list of str"
    text, unit = split_description(told.description)
    more = told.additional_constraints
    return DeclaredParameter(name, kind, default, text, unit, more, low, high, told.read_only)


def split_description(description: str) -> tuple[str, str]:
    """Return text and unit of a ``Setting.description``; the unit is empty if there is none."""
    text, _, unit = description.removesuffix("]").rpartition(" [")
    return (text, unit) if text and description.endswith("]") else (description, "")


def _qos_text(qos: Any) -> str:
    """Return a QoS profile as text: reliability, depth and, if latched, ``latched``."""
    words = [qos.reliability.name.lower().replace("_", " "), f"depth {qos.depth}"]
    if qos.durability.name == "TRANSIENT_LOCAL":
        words.append("latched")
    return ", ".join(words)


def survey_all() -> list[Survey]:
    """Return the declarations of every node in each of its forms."""
    forms = [(name, given) for name, variants in VARIANTS.items() for given in variants]
    with tempfile.TemporaryDirectory() as folder:
        return [
            survey(name, given, Path(folder) / f"{name}_{number}")
            for number, (name, given) in enumerate(forms)
        ]


def as_json(surveys: list[Survey]) -> str:
    """Serialize surveys to JSON text."""
    return json.dumps(
        [
            each._asdict()
            | {"parameters": [item._asdict() for item in each.parameters]}
            | {"endpoints": [item._asdict() for item in each.endpoints]}
            for each in surveys
        ]
    )


def from_json(text: str) -> list[Survey]:
    """Parse surveys from JSON text."""
    return [
        Survey(
            each["node"],
            each["given"],
            each["text"],
            each["lifecycle"],
            [DeclaredParameter(**item) for item in each["parameters"]],
            [Endpoint(**item) for item in each["endpoints"]],
        )
        for each in json.loads(text)
    ]


def main() -> None:
    """Write the survey of all nodes to the file named on the command line."""
    Path(sys.argv[1]).write_text(as_json(survey_all()), encoding="utf-8")
    sys.stdout.flush()
    # Remaining daemon threads of the nodes must not delay the exit.
    os._exit(0)


if __name__ == "__main__":
    main()
