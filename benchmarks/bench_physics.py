"""Deviation of each task and arm from mechanics: weight, push, tracking, contact, impact.

    python benchmarks/bench_physics.py [--task lap_joint] [--robot kr60] [--orientations 50]
        [--pushes 10] [--json]

``support/mechanics.py`` has the experiments and the meaning of each figure;
``test/sim/test_mechanics.py`` checks bounds for them. Tracking and impact do not depend on the
pieces and are measured with the lap joint.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

import numpy as np

from der_ros.sim.world import AssemblyWorld
from support import mechanics
from support.report import Figure, argument_parser, count, show
from support.task_cells import TaskCell, add_cells, chosen_cells

Row: TypeAlias = tuple[str, float, str]
_FREQUENCIES_HZ = (0.25, 0.5, 1.0, 2.0, 3.0)
_SPEEDS_MPS = (0.005, 0.01, 0.02, 0.05)
_PHYSICS_S = (0.004, 0.002)
_CYCLES_S = (0.004, 0.012)
_AXES = ("x", "y", "z", "rx", "ry", "rz")


def sensor_rows(world: AssemblyWorld, orientations: int, pushes: int) -> Iterator[Row]:
    """Yield the worst errors of weights, pushes and free motion."""
    rng = np.random.default_rng(0)
    hanging = mechanics.hang_anywhere(world, rng, orientations)
    yield "weight_error", hanging.force_n, "N"
    yield "weight_torque_error", hanging.torque_nm, "Nm"
    push = mechanics.push_anywhere(world, rng, pushes)
    yield "push_error", push.reading.force_n, "N"
    yield "push_torque_error", push.reading.torque_nm, "Nm"
    yield "give_by_stiffness", push.give, ""
    free = mechanics.move_freely(world)
    yield "free_motion_reading", free.force_n, "N"
    yield "free_motion_torque", free.torque_nm, "Nm"


def contact_rows(world: AssemblyWorld, kind: str) -> Iterator[Row]:
    """Yield, for each press, the force at rest, its jitter, the contacts' sum and penetration."""
    for name, way in mechanics.PRESSES[kind].items():
        rest = mechanics.rest(world, way)
        yield f"{name}.force", rest.force_n, "N"
        yield f"{name}.jitter", rest.jitter_n, "N"
        yield f"{name}.jitter_torque", rest.jitter_nm, "Nm"
        yield f"{name}.sum_of_contacts_error", rest.contacts.force_n, "N"
        yield f"{name}.strike_penetration", 1e6 * mechanics.strike(world, way), "um"
        if way.along == mechanics.DOWN:
            build = mechanics.build_force(world, way)
            yield f"{name}.slope_by_stiffness", build.slope, ""
            yield f"{name}.final_by_limit", build.limit, ""
            yield f"{name}.slow_penetration", 1e6 * build.penetration_m, "um"


def tracking_rows(world: AssemblyWorld) -> Iterator[Row]:
    """Yield the worst tracking error along and about each axis, also relative to the amplitude."""
    for frequency_hz in _FREQUENCIES_HZ:
        for axis, name in enumerate(_AXES):
            found = mechanics.follow(world, axis, frequency_hz)
            way = (0.03 if axis < 3 else 0.05) / (2.0 * math.pi * frequency_hz)
            error, unit = (
                (1e3 * found.position_m, "mm") if axis < 3 else (1e3 * found.angle_rad, "mrad")
            )
            yield f"tracking_{frequency_hz:g}_hz.{name}", error, unit
            yield f"tracking_{frequency_hz:g}_hz.{name}_share", 0.1 * error / way, "%"


def impact_rows(robot: str) -> Iterator[Row]:
    """Yield peaks on the compliant ground, divided by those of a mass on a spring."""
    for speed_mps, physics_s, cycle_s in product(_SPEEDS_MPS, _PHYSICS_S, _CYCLES_S):
        found = mechanics.impact(robot, speed_mps, physics_s, cycle_s)
        steps = f"cycle_{1e3 * cycle_s:g}_ms.step_{1e3 * physics_s:g}_ms"
        yield f"impact_{1e3 * speed_mps:g}_mmps.{steps}", found.ratio, ""


def figures_of(cell: TaskCell, arguments: argparse.Namespace) -> list[Figure]:
    """Return all figures of one cell."""
    with cell.world() as world:
        rows = [*sensor_rows(world, arguments.orientations, arguments.pushes)]
        if cell.task == "lap_joint":
            rows += [*tracking_rows(world), *impact_rows(cell.robot)]
        rows += contact_rows(world, cell.kind)
    return [Figure(f"{cell.name}.{name}", value, unit) for name, value, unit in rows]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    add_cells(parser)
    parser.add_argument("--orientations", type=count, default=50, help="number (%(default)s)")
    parser.add_argument("--pushes", type=count, default=10, help="number (%(default)s)")
    arguments = parser.parse_args()
    rows: list[Figure] = []
    for cell in chosen_cells(arguments):
        rows += figures_of(cell, arguments)
        print(cell.name, file=sys.stderr, flush=True)
    show("physics", rows, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
