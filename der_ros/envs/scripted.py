"""Controllers of an environment that are no policies: one knows the true goal, one knows nothing.

The first shows whether a task can be solved at all, the second whether it needs a policy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.envs.assembly import AssemblyEnv
from der_ros.tasks import oracle


def oracle_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Return the action (6,) of ``tasks.oracle`` for an environment in an episode."""
    touching = bool(env.world.contact_wrench().force[2] > 0.0)
    return oracle.oracle_action(env.task, env.world.held_pose(), env.goal_pose, touching)


def blind_action(env: AssemblyEnv) -> NDArray[np.float64]:
    """Return the action (6,) straight down at full speed."""
    return np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
