"""``der_ros/PegInHole-v0``."""

from __future__ import annotations

from typing import Any

from der_ros.envs.assembly import AssemblyEnv
from der_ros.tasks import make_task


class PegInHoleEnv(AssemblyEnv):
    """The chamfered peg in hole (paper, Sec. 4.1).

    Args:
        clearance: total lateral play, m, 0.2 to 5 mm.
        task_options: further fields of ``tasks.peg_in_hole.PegInHole``.
        **options: see ``AssemblyEnv``.

    Raises:
        ConfigurationError: an argument is out of its range.
    """

    def __init__(
        self,
        clearance: float = 0.0012,
        task_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        task = make_task("peg_in_hole", clearance_m=clearance, **(task_options or {}))
        super().__init__(task, **options)
