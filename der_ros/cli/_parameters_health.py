"""What the doctor finds out about a parameters file, without starting a node.

ROS ignores a parameter that no node declares, so one wrong letter leaves a limit at its default.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path

from der_ros.cli._health import Check, Level, examined
from der_ros.documents import read_yaml
from der_ros.drivers.arm.differential import DifferentialConfig
from der_ros.drivers.arm.records import ArmCycleConfig
from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.shipped import package_folders

EVERY_NODE = "/**"
NODES = (
    "assembly_supervisor", "bag_recorder", "ft_bridge", "kuka_bridge", "policy_server", "sim_cell"
)  # fmt: skip
FRAMES = ("task_frame", "tcp_from_sensor")
WORKSPACE = {"workspace_min_m": [-0.1, -0.1, -0.05], "workspace_max_m": [0.1, 0.1, 0.2]}
STIFFNESS_N_PER_M = 1e5
"""As kuka_bridge declares them; a test compares."""

Parameters = Mapping[str, object]


CELLS = ("deploy_kr60", "deploy_iiwa")


def shipped_config(cell: str = CELLS[0]) -> Path:
    """``config/<cell>.yaml`` of the installed package, else of the sources."""
    paths = [folder / f"{cell}.yaml" for folder in package_folders("config")]
    return next((path for path in paths if path.is_file()), paths[-1])


def task_config(task: str, cell: str = CELLS[0]) -> Path:
    """What ``<cell>.launch.py`` lays under ``shipped_config(cell)`` for a task."""
    return shipped_config(cell).with_suffix("") / f"{task}.yaml"


def check_parameters(
    path: Path, task: str, cycle_s: float, on_hardware: bool, cell: str = CELLS[0]
) -> Iterator[Check]:
    """Everything about a cell's parameters file, with those of the task where it says nothing.

    ``on_hardware`` expects a cell that was measured.
    """
    try:
        own, below = read_parameters(path), read_parameters(task_config(task, cell))
        nodes = {node: {**below.get(node, {}), **own.get(node, {})} for node in {**own, **below}}
    except ConfigurationError as error:
        advice = f"copy config/{cell}.yaml, adapt the copy, and give its path with --config"
        yield Check("parameters", "file", Level.PROBLEM, str(error), advice)
        return
    yield Check("parameters", "file", Level.OK, f"{path}: {', '.join(nodes)}")
    yield check_names(nodes)
    bridge = {**nodes.get(EVERY_NODE, {}), **nodes.get("kuka_bridge", {})}
    correct = f"correct it in {path}"
    simulated = shipped_config(cell) if on_hardware else None
    yield examined("parameters", "frames", lambda: check_frames(bridge, simulated), correct)
    yield examined("parameters", "governor", lambda: check_governor(bridge, cycle_s), correct)
    if cell == "deploy_kr60":
        yield examined("parameters", "travel", lambda: check_travel(bridge), correct)
    else:
        yield examined("parameters", "joints", lambda: check_joints(bridge), correct)


def read_parameters(path: Path) -> dict[str, dict[str, object]]:
    """Node name to its parameters.

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
        nodes[str(node).lstrip("/") if node != EVERY_NODE else EVERY_NODE] = values
    return nodes


def check_names(nodes: Mapping[str, Parameters]) -> Check:
    """Whether some node declares each parameter that is set."""
    strangers = [node for node in nodes if node not in (*NODES, EVERY_NODE)]
    unknown = [
        f"{node}.{name}"
        for node, values in nodes.items()
        if node not in strangers
        for name in values
        if name not in known_names(node)
    ]
    if not strangers and not unknown:
        count = sum(map(len, nodes.values()))
        return Check("parameters", "names", Level.OK, f"all {count} are declared by their nodes")
    return Check(
        "parameters", "names", Level.PROBLEM,
        f"ROS would ignore, since nobody declares it: {', '.join([*strangers, *unknown])}",
        "compare the spelling with config/deploy_kr60.yaml and `ros2 param list`",
    )  # fmt: skip


@cache
def known_names(node: str) -> frozenset[str]:
    """The names that ``node`` may declare: every text in its source (there is no rclpy here).

    And in the modules that nodes share, whichever of them it uses.
    """
    others = set() if node == EVERY_NODE else {*NODES} - {node}
    folder = Path(__file__).resolve().parents[1] / "nodes"
    trees = [ast.parse(path.read_text()) for path in folder.glob("*.py") if path.stem not in others]
    return frozenset(
        item.value
        for tree in trees
        for item in ast.walk(tree)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


def check_frames(values: Parameters, simulated: Path | None) -> Check:
    """Whether both frames are there, are poses, and are this cell's, not ``simulated``'s.

    Raises:
        ConfigurationError: a frame is missing or no pose.
    """
    for name in FRAMES:
        if name not in values:
            raise ConfigurationError(
                f"expected {name}, found none; measure it (docs/kr60.md) and set it for every node"
            )
        Pose.from_sequence(_numbers(values, name), name)
    shipped = {} if simulated is None else read_parameters(simulated)[EVERY_NODE]
    if values["task_frame"] == shipped.get("task_frame"):
        raise ConfigurationError(
            "task_frame is still that of the simulated cell; measure yours (docs/kr60.md)"
        )
    return Check("parameters", "frames", Level.OK, "task_frame and tcp_from_sensor are poses")


def check_governor(values: Parameters, cycle_s: float) -> Check:
    """Whether the motion governor takes the limits.

    Raises:
        ConfigurationError: it does not.
    """
    names = {field.name for field in fields(GovernorLimits)}
    given = {name: value for name, value in values.items() if name in names}
    limits = GovernorLimits(**{**WORKSPACE, **given})  # type: ignore[arg-type]
    limits.check_yield_stability(cycle_s, _number(values, "stiffness_n_per_m", STIFFNESS_N_PER_M))
    return Check(
        "parameters", "governor", Level.OK,
        f"{limits.max_linear_speed_mps:g} m/s, gives way from {limits.soft_force_n:g} N, "
        f"stops at {limits.hard_force_n:g} N",
    )  # fmt: skip


def check_travel(values: Parameters) -> Check:
    """Whether the bridge refuses before the controller, as config/krc4 sets it, clamps or stops.

    Raises:
        ConfigurationError: a limit that cannot be.
    """
    shipped, controller = CorrectionLimits(), PathLimits()
    ours = CorrectionLimits(
        _number(values, "max_correction_mm", shipped.translation_mm),
        _number(values, "max_correction_deg", shipped.rotation_deg),
    )
    found = f"{ours.translation_mm:g} mm, {ours.rotation_deg:g} degrees since RSI_ON"
    if ours.translation_mm < controller.clamp_mm and ours.rotation_deg < controller.clamp_deg:
        return Check("parameters", "travel", Level.OK, found)
    return Check(
        "parameters", "travel", Level.PROBLEM,
        f"{found}: the shipped RSI context clamps at {controller.clamp_mm:g} mm and "
        f"{controller.clamp_deg:g} degrees, silently",
        "lower max_correction_mm and max_correction_deg",
    )  # fmt: skip


def check_joints(values: Parameters) -> Check:
    """Whether the arm's joints are held by limits that can be.

    Raises:
        ConfigurationError: one cannot be.
    """
    held, led = DifferentialConfig(), ArmCycleConfig()
    differential = DifferentialConfig(
        margin_rad=_number(values, "joint_margin_rad", held.margin_rad),
        speed_share=_number(values, "joint_speed_share", held.speed_share),
    )
    cycle = ArmCycleConfig(
        max_following_error_rad=_number(
            values, "max_following_error_rad", led.max_following_error_rad
        )
    )
    return Check(
        "parameters", "joints", Level.OK,
        f"{differential.margin_rad:g} rad from the end stops, {differential.speed_share:.0%} of "
        f"their speed, at most {cycle.max_following_error_rad:g} rad behind their command",
    )  # fmt: skip


def _numbers(values: Parameters, name: str) -> list[float]:
    items = values[name]
    if not isinstance(items, list) or not all(type(item) in (int, float) for item in items):
        raise ConfigurationError(f"{name}: expected a list of numbers, got {items!r}")
    return [float(item) for item in items]


def _number(values: Parameters, name: str, default: float) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"{name}: expected a number, got {value!r}")
    return float(value)
