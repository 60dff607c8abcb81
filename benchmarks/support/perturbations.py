"""Single differences of known size between a cell and training, drawn per episode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from der_ros.envs import TaskEnv
from der_ros.envs.conditions import Conditions
from der_ros.envs.randomization import COMPLIANCE_STIFFNESS_RANGE, PRESETS, Randomization, widened
from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.tasks import make_task
from der_ros.tasks.base import InitialState, Task
from der_ros.tasks.pieces import Pair
from support.task_cells import TaskCell


class Difference(NamedTuple):
    """Differences of one episode from the nominal task.

    Attributes:
        place_m: Position (2,) x and y of the ground piece, task frame; None draws it by the task.
        yaw_rad: Yaw of the ground piece; None draws it by the task.
        conditions: All other conditions.
    """

    place_m: tuple[float, float] | None = None
    yaw_rad: float | None = None
    conditions: Conditions = Conditions()


class Perturbation(NamedTuple):
    """One kind of difference.

    Attributes:
        unit: Unit of the values, for display; "factor" for a factor.
        label: Name of the difference in a plot.
        values: Sizes to measure, up to twice the range of training.
        trained: Function from a task and a randomization to the smallest and largest size in
            training.
        draw: Function from a size to a difference; other properties come from its generator.
        nominal: Size at which the cell is the nominal one; None if the task draws it.
        of_task: True if the size is an option of the task, such as ``clearance_m``.
    """

    unit: str
    label: str
    values: tuple[float, ...]
    trained: Callable[[Task, Randomization], Pair]
    draw: Callable[[float, np.random.Generator], Difference]
    nominal: float | None = 0.0
    of_task: bool = False


def _signs(rng: np.random.Generator, count: int) -> list[float]:
    return [float(sign) for sign in rng.choice((-1.0, 1.0), count)]


def _under(**conditions: Any) -> Difference:
    return Difference(conditions=Conditions()._replace(**conditions))


def _aside(value: float, rng: np.random.Generator) -> Difference:
    """Return an offset along both axes, with random signs."""
    x, y = _signs(rng, 2)
    return Difference(place_m=(1e-3 * value * x, 1e-3 * value * y))


def _turned(value: float, rng: np.random.Generator) -> Difference:
    return Difference(yaw_rad=math.radians(value))


def _friction(value: float, rng: np.random.Generator) -> Difference:
    return _under(friction_scale=value)


def _clearance(value: float, rng: np.random.Generator) -> Difference:
    return _under()


def _bias(value: float, rng: np.random.Generator) -> Difference:
    return _under(bias_error=(*(value * rng.standard_normal(3)).tolist(), 0.0, 0.0, 0.0))


def _grasp(value: float, rng: np.random.Generator) -> Difference:
    position = 1e-3 * value * rng.uniform(-1.0, 1.0, 3)
    turn = math.radians(value) * rng.uniform(-1.0, 1.0, 3)
    return _under(grasp=(*position.tolist(), *turn.tolist()))


def _goal(value: float, rng: np.random.Generator) -> Difference:
    position, turn = 1e-3 * value * rng.standard_normal(3), 1e-2 * value * rng.standard_normal(3)
    return _under(goal_error=(*position.tolist(), *turn.tolist()))


def _latency(value: float, rng: np.random.Generator) -> Difference:
    wrench, pose, command = (1e-3 * value * rng.random(3)).tolist()
    return _under(wrench_latency_s=wrench, pose_latency_s=pose, command_latency_s=command)


def _stiffness(value: float, rng: np.random.Generator) -> Difference:
    return _under(compliance_stiffness_scale=value)


def _trained_yaw(task: Task, randomization: Randomization) -> Pair:
    low, high = widened(task, randomization).ground_yaw_range_rad
    return math.degrees(low), math.degrees(high)


def _trained_clearance(task: Task, randomization: Randomization) -> Pair:
    least, most = task.clearance_range_m
    spread_m = randomization.clearance_spread_m
    low, high = task.clearance_m - spread_m, task.clearance_m + spread_m
    return 1e3 * max(least, low), 1e3 * min(most, high)


def _trained_friction(task: Task, randomization: Randomization) -> Pair:
    most = 1.0 + randomization.friction_ratio
    return 1.0 / most, most


def _trained_stiffness(task: Task, randomization: Randomization) -> Pair:
    low, high = COMPLIANCE_STIFFNESS_RANGE
    return low**randomization.compliance_spread, high**randomization.compliance_spread


PERTURBATIONS: dict[str, Perturbation] = {
    "none": Perturbation("", "nothing", (0.0,), lambda task, r: (0.0, 0.0), _clearance),
    "offset": Perturbation(
        "mm",
        "ground piece aside, each axis",
        (2, 4, 5, 7, 10, 14),
        lambda task, r: (0.0, 1e3 * widened(task, r).ground_reach_m),
        _aside,
        nominal=None,
    ),
    "yaw": Perturbation(
        "deg",
        "ground piece turned",
        (-16, -12, -8, -5, -3, 0.5, 2, 5, 8, 12, 16),
        _trained_yaw,
        _turned,
        nominal=None,
    ),
    "clearance": Perturbation(
        "mm",
        "clearance",
        (0.2, 0.3, 0.5, 0.8, 2.0, 4.0),
        _trained_clearance,
        _clearance,
        nominal=None,
        of_task=True,
    ),
    "friction": Perturbation(
        "factor", "friction", (0.2, 0.4, 2.0, 3.0, 5.0), _trained_friction, _friction, nominal=1.0
    ),
    "stiffness": Perturbation(
        "factor",
        "stiffness of the cell",
        (0.05, 0.1, 0.3, 2.0, 4.0),
        _trained_stiffness,
        _stiffness,
        nominal=1.0,
    ),
    "latency": Perturbation(
        "ms",
        "each of three latencies, up to",
        (50, 100, 150, 200),
        lambda task, r: (0.0, 1e3 * r.wrench_latency_max_s),
        _latency,
    ),
    "bias": Perturbation(
        "N",
        "error of the force bias, standard deviation",
        (2.5, 5, 7.5, 10),
        lambda task, r: (0.0, r.force_bias_std_n),
        _bias,
    ),
    "grasp": Perturbation(
        "mm and deg",
        "piece askew in the gripper, up to",
        (0.5, 1, 1.5, 2),
        lambda task, r: (0.0, 1e3 * r.grasp_position_spread_m),
        _grasp,
    ),
    "goal": Perturbation(
        "mm and 10 mrad",
        "error of the goal, standard deviation",
        (0.5, 1, 1.5, 2),
        lambda task, r: (0.0, 1e3 * r.goal_position_error_std_m),
        _goal,
    ),
}


def trained_range(kind: str, task: str, preset: str = "wide") -> Pair:
    """Return the smallest and largest size of a difference in training with a preset."""
    return PERTURBATIONS[kind].trained(make_task(task), PRESETS[preset])


def nominal_size(kind: str, task: str) -> float | None:
    """Return the size at which the cell is the nominal one; None if the task draws it."""
    if PERTURBATIONS[kind].of_task:
        return 1e3 * make_task(task).clearance_m
    return PERTURBATIONS[kind].nominal


def environment(
    cell: TaskCell, kind: str, value: float, randomization: str, **options: Any
) -> TaskEnv:
    """Return the environment for measuring a difference of this kind and size."""
    if PERTURBATIONS[kind].of_task:
        options["clearance"] = 1e-3 * value
    return cell.env(randomization=randomization, **options)


def reset_options(env: TaskEnv, kind: str, value: float, seed: int) -> dict[str, object]:
    """Return the options of ``reset`` for one episode, drawn from ``seed``.

    Both pieces are placed as the task draws them, except for the kind's own difference.
    """
    rng = np.random.default_rng((seed, 1))
    difference = PERTURBATIONS[kind].draw(value, rng)
    drawn = env.task.sample_initial_state(rng)
    place_m, yaw_rad, conditions = difference
    x, y = drawn.ground.position.tolist()[:2] if place_m is None else place_m
    turn = drawn.ground.quaternion
    if yaw_rad is not None:
        turn = quaternion_from_rotation_vector((0.0, 0.0, yaw_rad))
    ground = Pose(np.array((x, y, 0.0)), turn)
    return {"initial": InitialState(drawn.held, ground), "conditions": conditions}
