"""Variation of the simulated world by the conditions of an episode."""

from __future__ import annotations

from dataclasses import replace

from der_ros.envs.conditions import Conditions
from der_ros.sim.variation import Variation
from der_ros.tasks.base import Task
from der_ros.tasks.pieces import Piece


class Variations:
    """Variations of one task's world; each clearance has one ground piece, which is kept.

    Args:
        task: Task whose pieces are simulated.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._ground_of_clearance: dict[float, Piece] = {}

    def of(self, conditions: Conditions) -> Variation:
        """Return the variation of an episode's world."""
        return Variation(
            friction_scale=conditions.friction_scale,
            mass_scale=conditions.mass_scale,
            stiffness_scale=conditions.stiffness_scale,
            compliance_stiffness_scale=conditions.compliance_stiffness_scale,
            ground=self._ground(conditions.clearance_change_m),
        )

    def _ground(self, clearance_change_m: float) -> Piece | None:
        """Return the ground piece of another clearance; None for the task's own."""
        if clearance_change_m == 0.0:
            return None
        low, high = self._task.clearance_range_m
        clearance = min(high, max(low, self._task.clearance_m + clearance_change_m))
        if clearance not in self._ground_of_clearance:
            piece = replace(self._task, clearance_m=clearance).ground
            self._ground_of_clearance[clearance] = piece
        return self._ground_of_clearance[clearance]
