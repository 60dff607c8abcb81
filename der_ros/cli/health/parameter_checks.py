"""Parameters-file checks of ``doctor``, made without starting a node.

ROS ignores a parameter that no node declares, so a typing error leaves a limit at its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from der_ros.cli.health.computer_checks import Check, CheckLevel, examined
from der_ros.drivers.arm.arm_records import ArmCycleConfig
from der_ros.drivers.arm.differential import DifferentialConfig
from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.errors import ConfigurationError
from der_ros.launching.cell_parameters import (
    CELLS,
    EVERY_NODE,
    Nodes,
    Parameters,
    known_names,
    merged,
    problems,
    read_parameters,
    refuse_simulated_frame,
    shipped_config,
    task_config,
    wrong_values,
)
from der_ros.parameters.kuka_bridge import BridgeParameters
from der_ros.parameters.shared import frame_pose
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import made_from

__all__ = ["known_names", "read_parameters", "shipped_config"]

FRAMES = ("task_frame", "tcp_from_sensor")


def check_parameters(
    path: Path,
    task: str,
    cycle_s: float,
    on_hardware: bool,
    cell: str = CELLS[0],
    namespace: str = "",
) -> Iterator[Check]:
    """Check a cell's parameters file, merged over the shipped files as a launch merges it.

    The file itself must set the frames, because the shipped ones belong to the simulated cell.

    Args:
        path: Parameters file of the cell.
        task: Name of the task.
        cycle_s: Cycle of the robot, s.
        on_hardware: True to require measured frames.
        cell: Name of the launch file.
        namespace: Namespace of the cell's nodes.
    """
    try:
        below = read_parameters(task_config(task, cell))
        shipped, own = read_parameters(shipped_config(cell)), read_parameters(path, namespace)
    except ConfigurationError as error:
        advice = f"copy config/{cell}.yaml, adapt the copy, and give its path with --config"
        yield Check("parameters", "file", CheckLevel.PROBLEM, str(error), advice)
        return
    yield Check("parameters", "file", CheckLevel.OK, f"{path}: {', '.join(own)}")
    yield check_names(own)
    measured = merged([own], "kuka_bridge")
    bridge = merged([below, shipped, own], "kuka_bridge")
    correct = f"correct it in {path}"
    real = cell if on_hardware else None
    yield examined("parameters", "frames", lambda: check_frames(measured, real), correct)
    yield examined("parameters", "governor", lambda: check_governor(bridge, cycle_s), correct)
    if cell == "deploy_kr60":
        yield examined("parameters", "travel", lambda: check_travel(bridge), correct)
    else:
        yield examined("parameters", "joints", lambda: check_joints(bridge), correct)


def requested_filter(path: Path, task: str, cell: str, namespace: str = "") -> int:
    """Return the number of the box filter that ft_bridge sets; -1 if none, or on a file error."""
    files = (task_config(task, cell), shipped_config(cell))
    try:
        layers = [*map(read_parameters, files), read_parameters(path, namespace)]
    except ConfigurationError:
        return -1
    number = merged(layers, "ft_bridge").get("box_filter", -1)
    return number if isinstance(number, int) else -1


def check_names(nodes: Nodes) -> Check:
    """Check that each parameter in the file is declared by its node, with a valid value.

    The values of ``kuka_bridge`` and those of every node have checks of their own.
    """
    others = {node: nodes[node] for node in nodes if node not in ("kuka_bridge", EVERY_NODE)}
    wrong = problems(nodes) or wrong_values(others)
    if not wrong:
        count = sum(map(len, nodes.values()))
        return Check(
            "parameters", "names", CheckLevel.OK, f"all {count} are declared by their nodes"
        )
    return Check(
        "parameters",
        "names",
        CheckLevel.PROBLEM,
        f"ROS would ignore or refuse: {'; '.join(wrong)}",
        "compare the spelling with config/deploy_kr60.yaml and `ros2 param list`",
    )


def check_frames(values: Parameters, real: str | None) -> Check:
    """Check that both frames are set and are poses, and that those of a real cell are measured.

    Args:
        values: Parameters of ``kuka_bridge`` in the cell's own file.
        real: Name of the cell if its robot is real; None if simulated.

    Raises:
        ConfigurationError: A frame is missing or no pose, or ``task_frame`` was not measured.
    """
    for name in FRAMES:
        if name not in values:
            raise ConfigurationError(
                f"expected {name}, found none; measure it (docs/how-to/kr60.md) and set it for "
                "every node"
            )
        frame_pose(name, _numbers(values, name))
    if real is not None:
        refuse_simulated_frame(values, real)
    return Check("parameters", "frames", CheckLevel.OK, "task_frame and tcp_from_sensor are poses")


def check_governor(values: Parameters, cycle_s: float) -> Check:
    """Check the limits of the motion governor.

    Raises:
        ConfigurationError: A limit is out of range, the yield gain is unstable at ``cycle_s``, or a
            force budget is too small.
    """
    limits = made_from(GovernorLimits, values)
    stiffness_n_per_m = made_from(BridgeParameters, values).stiffness_n_per_m
    limits.check_yield_stability(cycle_s, stiffness_n_per_m)
    limits.check_budget(cycle_s)
    return Check(
        "parameters",
        "governor",
        CheckLevel.OK,
        f"{limits.max_linear_speed_mps:g} m/s, gives way from {limits.soft_force_n:g} N, "
        f"stops at {limits.hard_force_n:g} N",
    )


def check_travel(values: Parameters) -> Check:
    """Check that the bridge's travel limits are below those of the RSI context in config/krc4.

    Raises:
        ConfigurationError: A limit is out of range.
    """
    ours, controller = made_from(CorrectionLimits, values), PathLimits()
    found = f"{ours.translation_mm:g} mm, {ours.rotation_deg:g} degrees since RSI_ON"
    if ours.translation_mm < controller.clamp_mm and ours.rotation_deg < controller.clamp_deg:
        return Check("parameters", "travel", CheckLevel.OK, found)
    return Check(
        "parameters",
        "travel",
        CheckLevel.PROBLEM,
        f"{found}: the shipped RSI context clamps at {controller.clamp_mm:g} mm and "
        f"{controller.clamp_deg:g} degrees, silently",
        "lower max_correction_mm and max_correction_deg",
    )


def check_joints(values: Parameters) -> Check:
    """Check the joint limits of an arm under ros2_control.

    Raises:
        ConfigurationError: A limit is out of range.
    """
    differential = made_from(DifferentialConfig, values)
    cycle = made_from(ArmCycleConfig, values)
    return Check(
        "parameters",
        "joints",
        CheckLevel.OK,
        f"{differential.margin_rad:g} rad from the end stops, {differential.speed_share:.0%} of "
        f"their speed, at most {cycle.max_following_error_rad:g} rad behind their command",
    )


def _numbers(values: Parameters, name: str) -> list[float]:
    items = values[name]
    if not isinstance(items, list) or not all(type(item) in (int, float) for item in items):
        raise ConfigurationError(f"{name}: expected a list of numbers, got {items!r}")
    return [float(item) for item in items]
