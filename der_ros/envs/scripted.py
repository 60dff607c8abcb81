"""Scripted controllers of an environment: an oracle that knows the true goal, and a blind one.

The oracle shows that a task can be solved, the blind controller whether it needs a policy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.envs.assembly import AssemblyEnv
from der_ros.tasks import oracle


def oracle_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Return the action of ``tasks.oracle`` for the current state of an environment, (6,)."""
    touching = bool(env.world.contact_wrench().force[2] > 0.0)
    return oracle.oracle_action(
        env.task, env.world.held_pose(), env.goal_pose, touching, env.step_s
    )


def blind_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Return the action that moves straight down at full speed, (6,)."""
    return np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
