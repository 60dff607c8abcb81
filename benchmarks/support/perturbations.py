"""Single differences of known size between a cell and training, drawn per episode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from der_ros.envs import TaskEnv
from der_ros.envs.conditions import Conditions
from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.tasks.base import InitialState
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
        unit: Unit of the values, for display.
        label: Axis label of a plot.
        values: Sizes to measure, up to twice the range required of a policy.
        asked: Smallest and largest value required of a policy.
        draw: Function from a size to a difference; other properties come from its generator.
        of_task: True if the size is an option of the task, such as ``clearance_m``.
    """

    unit: str
    label: str
    values: tuple[float, ...]
    asked: tuple[float, float]
    draw: Callable[[float, np.random.Generator], Difference]
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
    return _under(stiffness_scale=value)


PERTURBATIONS: dict[str, Perturbation] = {
    "none": Perturbation("", "nothing", (0.0,), (0.0, 0.0), _clearance),
    "offset": Perturbation(
        "mm", "ground piece aside, each axis", (1, 2, 3, 4, 5, 7.5, 10), (0, 5), _aside
    ),
    "yaw": Perturbation(
        "deg", "ground piece turned", (-10, -7.5, -5, -3, 0.5, 2, 5, 7.5, 10), (-5, 5), _turned
    ),
    "clearance": Perturbation(
        "mm", "clearance", (0.2, 0.3, 0.5, 0.7, 2.0, 4.0), (0.3, 2), _clearance, of_task=True
    ),
    "friction": Perturbation(
        "x", "friction, factor of 0.5", (0.2, 0.4, 1.4, 2.0, 3.0, 4.0), (0.4, 2), _friction
    ),
    "bias": Perturbation("N", "force bias, std", (1, 2.5, 5, 7.5, 10), (0, 5), _bias),
    "grasp": Perturbation("mm, deg", "piece askew, up to", (0.5, 1, 1.5, 2), (0, 1), _grasp),
    "goal": Perturbation("mm, 10 mrad", "goal wrong, std", (0.5, 1, 1.5, 2), (0, 1), _goal),
    "latency": Perturbation(
        "ms", "three latencies, up to", (25, 50, 100, 150, 200), (0, 100), _latency
    ),
    "stiffness": Perturbation(
        "x", "arm's stiffness", (0.05, 0.1, 0.3, 2.0, 4.0), (0.1, 2), _stiffness
    ),
}


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
