"""A piece that touches nothing under the bias errors of the presets."""

import numpy as np
import pytest

from der_ros.envs.assembly import AssemblyEnv
from der_ros.envs.conditions import Conditions
from der_ros.geometry import angle_between
from der_ros.policy.governor import Intervention
from der_ros.tasks import LapJoint

TILT = np.array((0.0, 0.0, 0.0, 0.0, 1.0, 0.0))
REST = np.zeros(6)


@pytest.fixture(scope="module")
def env():
    made = AssemblyEnv(LapJoint(), robot="robotless")
    yield made
    made.close()


@pytest.mark.parametrize("bias", [(6.0, 0, 0, 0, 1.0, 0), (0, 0, 9.0, 0, 0, 0.9)])
def test_a_wrong_bias_turns_no_piece_in_free_air(env, bias):
    env.reset(seed=1, options={"conditions": Conditions(bias_error=bias)})
    began, flags = env.world.held_pose(), 0
    for _ in range(33):
        info = env.step(REST)[-1]
        flags |= info["interventions"]
    ended = env.world.held_pose()
    assert not flags & Intervention.SOFT_FORCE
    assert angle_between(began.quaternion, ended.quaternion) < 1e-6
    # The policy still observes the whole error.
    assert np.linalg.norm(info["wrench"][:3]) == pytest.approx(np.linalg.norm(bias[:3]), abs=1e-3)


def test_a_tilt_can_be_turned_back_under_a_wrong_bias(env):
    conditions = Conditions(bias_error=(6.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    env.reset(seed=1, options={"conditions": conditions})
    began = env.world.held_pose()
    turns = []
    for action in (TILT, -TILT):
        for _ in range(10):
            env.step(action)
        for _ in range(3):
            env.step(REST)
        turns.append(angle_between(began.quaternion, env.world.held_pose().quaternion))
    assert turns[0] > 0.02
    assert turns[1] < 0.1 * turns[0]
