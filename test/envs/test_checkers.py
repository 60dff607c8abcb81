"""Environment checkers of Gymnasium and Stable-Baselines3, per task, robot and preset."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import der_ros.envs
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASKS

IDS = [entry.environment_id for entry in TASKS.values()]
every_environment = pytest.mark.parametrize("name", IDS)
every_robot = pytest.mark.parametrize("robot", ROBOT_NAMES)


@every_environment
@every_robot
@pytest.mark.parametrize("randomization", sorted(der_ros.envs.PRESETS))
def test_gymnasiums_checker_passes(name, robot, randomization):
    env = gymnasium.make(name, robot=robot, randomization=randomization, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


# In one separate process: the import takes seconds, and causes warnings that are not ours.
CHECK_ALL = """
import json, sys, traceback, warnings, gymnasium, der_ros.envs
from stable_baselines3.common.env_checker import check_env
warnings.simplefilter("error")
complaints = []
for name, robot in json.loads(sys.argv[1]):
    env = gymnasium.make(name, robot=robot, render_mode="rgb_array")
    try:
        check_env(env.unwrapped, warn=True)
        complaints.append([name, robot, ""])
    except (Exception, Warning):
        complaints.append([name, robot, traceback.format_exc()])
    env.close()
print(json.dumps(complaints))
"""


@pytest.fixture(scope="module")
def complaints():
    """Complaints of Stable-Baselines3's checker by environment and robot; empty for none."""
    pairs = json.dumps([(name, robot) for name in IDS for robot in ROBOT_NAMES])
    command = [sys.executable, "-c", CHECK_ALL, pairs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout.splitlines()[-1])
    return {(name, robot): complaint for name, robot, complaint in lines}


@every_environment
@every_robot
def test_stable_baselines3s_checker_passes(name, robot, complaints):
    assert complaints[name, robot] == ""


@every_environment
@every_robot
def test_another_process_gives_the_same_bits(name, robot):
    code = (
        "import sys, hashlib, gymnasium, numpy as np, der_ros.envs\n"
        "env = gymnasium.make(sys.argv[1], robot=sys.argv[2], randomization='deploy')\n"
        "rng, digest = np.random.default_rng(7), hashlib.sha256(env.reset(seed=7)[0].tobytes())\n"
        "for _ in range(int(sys.argv[3])):\n"
        "    env.reset(); env.step(env.action_space.sample())\n"
        "digest.update(env.reset(seed=3)[0].tobytes())\n"
        "for _ in range(80):\n"
        "    action = np.clip([0, 0, -0.7, 0, 0, 0] + 0.4 * rng.standard_normal(6), -1, 1)\n"
        "    row = env.step(action)\n"
        "    digest.update(row[0].tobytes())\n"
        "    if row[2] or row[3]: digest.update(env.reset()[0].tobytes())\n"
        "print(digest.hexdigest())"
    )
    digests = set()
    for episodes_before in (0, 9):  # earlier episodes must have no effect
        command = [sys.executable, "-c", code, name, robot, str(episodes_before)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        digests.add(done.stdout.split()[-1])
    assert len(digests) == 1
    assert len(digests.pop()) == 64


@every_environment
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_are_many_of_one(name, mode):
    many = gymnasium.make_vec(name, num_envs=2, vectorization_mode=mode)
    alone = gymnasium.make(name)
    observations, _ = many.reset(seed=4)
    alone.reset(seed=5)
    assert observations.shape == (2, 13)
    for k in range(12):
        action = np.array((0.1 * k / 12, 0, -1, 0, 0, 0.3), dtype=np.float32)
        observations, rewards, _, _, infos = many.step(np.tile(action, (2, 1)))
        observation, reward, _, _, info = alone.step(action)
    assert observations[1].tolist() == observation.tolist()
    assert rewards[1] == reward
    assert infos["distance_m"][1] == info["distance_m"]
    many.close()
    alone.close()


@every_environment
@every_robot
def test_an_environment_alone_is_light(name, robot):
    code = (
        "import json, re, sys, pathlib, gymnasium, der_ros.envs\n"
        "env = gymnasium.make(sys.argv[1], robot=sys.argv[2]); env.reset(seed=0)\n"
        "env.step([0] * 6)\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(json.dumps([int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024,"
        "[m for m in ('torch', 'rclpy', 'onnxruntime', 'ray') if m in sys.modules]]))"
    )
    command = [sys.executable, "-c", code, name, robot]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    megabytes, heavy = json.loads(done.stdout.splitlines()[-1])
    assert megabytes < 150.0
    assert heavy == []
