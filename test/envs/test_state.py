"""Saving within an episode and continuing, here and elsewhere, is bit-identical."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from der_ros.envs import AssemblyEnv, Randomization, TaskEnv
from der_ros.envs.state import FORMAT, EnvironmentState
from der_ros.errors import ConfigurationError
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES, make_task


def go_on(env, steps, seed):
    """Return observations, rewards and wrenches of noisy downward actions, across episodes."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(steps):
        action = np.clip(np.array((0, 0, -0.7, 0, 0, 0)) + 0.4 * rng.standard_normal(6), -1, 1)
        observation, reward, terminated, truncated, info = env.step(action)
        rows.append(np.concatenate((observation, [reward, info["peak_force_n"]], info["wrench"])))
        if terminated or truncated:
            rows.append(np.concatenate((env.reset()[0], np.zeros(8))))
    return np.array(rows)


def in_the_middle(task, randomization, robot=None):
    limit = {"time_limit_s": 3.0}
    env = TaskEnv(task, robot=robot, randomization=randomization, task_options=limit)
    env.reset(seed=11)
    go_on(env, 33, seed=1)
    return env


EVERYWHERE = [(task, robot, "deploy") for task in TASK_NAMES for robot in ROBOT_NAMES]
ELSEWHERE = [(task, "robotless", preset) for task in TASK_NAMES for preset in ("none", "paper")]


@pytest.mark.parametrize(("task", "robot", "randomization"), EVERYWHERE + ELSEWHERE)
def test_after_a_restore_the_same_bits_come(task, robot, randomization):
    env = in_the_middle(task, randomization, robot)
    text = json.dumps(env.save_state().to_data())
    rows = go_on(env, 70, seed=2)  # into the next episodes
    assert np.abs(rows[:, 7:10]).max() > 5.0
    limit = {"time_limit_s": 3.0}
    other = TaskEnv(task, robot=robot, randomization=randomization, task_options=limit)
    for one in (env, other):
        one.restore_state(EnvironmentState.from_data(json.loads(text)))
        for step, (a, b) in enumerate(zip(rows, go_on(one, 70, seed=2), strict=True)):
            assert a.tobytes() == b.tobytes(), f"step {step}: {a} and {b}"
    env.close()
    other.close()


@pytest.mark.parametrize("robot", ROBOT_NAMES)
@pytest.mark.parametrize("task", TASK_NAMES)
def test_another_process_goes_on_with_the_same_bits(task, robot, tmp_path):
    env = in_the_middle(task, "deploy", robot)
    path = tmp_path / "state.json"
    path.write_text(json.dumps(env.save_state().to_data()))
    expected = go_on(env, 60, seed=2)
    env.close()
    code = (
        "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); import test_state as t;"
        "env = t.TaskEnv(sys.argv[4], robot=sys.argv[5], randomization='deploy',"
        "    task_options=dict(time_limit_s=3.0));"
        "data = json.loads(pathlib.Path(sys.argv[2]).read_text());"
        "env.restore_state(t.EnvironmentState.from_data(data));"
        "pathlib.Path(sys.argv[3]).write_bytes(t.go_on(env, 60, seed=2).tobytes())"
    )
    out = tmp_path / "rows"
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, here, str(path), str(out), task, robot]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert out.read_bytes() == expected.tobytes()


def test_a_state_is_read_back_as_it_was():
    env = in_the_middle("lap_joint", "deploy")
    state = env.save_state()
    again = EnvironmentState.from_data(json.loads(json.dumps(state.to_data())))
    assert again.to_data() == state.to_data()
    assert again.conditions == state.conditions
    assert again.sensing == state.sensing
    assert again.governor == state.governor
    assert type(again.world) is type(state.world)
    env.close()


def test_a_state_of_another_make_is_refused():
    env = in_the_middle("lap_joint", "none")
    state = env.save_state()
    env.close()
    for other in (
        TaskEnv("peg_in_hole"),
        TaskEnv("lap_joint", randomization="paper"),
        TaskEnv("lap_joint", robot="kr60"),
        TaskEnv("lap_joint", clearance=0.002),
        TaskEnv("lap_joint", control_dt=0.012),
    ):
        with pytest.raises(ConfigurationError, match="restore_state: expected a state of"):
            other.restore_state(state)


def test_nothing_is_saved_before_the_first_reset():
    with pytest.raises(ConfigurationError, match=r"expected an episode, got none; reset\(\)"):
        AssemblyEnv(make_task("lap_joint"), randomization=Randomization()).save_state()


def test_a_generator_of_another_kind_is_not_saved():
    env = in_the_middle("lap_joint", "deploy")
    env.np_random = np.random.Generator(np.random.MT19937(0))
    with pytest.raises(ConfigurationError, match=r"expected numpy's PCG64, got MT19937"):
        env.save_state()
    env.close()


@pytest.fixture(scope="module")
def data():
    env = in_the_middle("lap_joint", "deploy")
    written = json.dumps(env.save_state().to_data())
    env.close()
    return written


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ((), None, "expected a list, got None"),
        ((0,), 7, r"state\[0\]: expected a str, got 7"),
        ((1, 0, 0), [0.0, 0.0], r"state\[1\]\[0\]\[0\]: expected 3 values, got 2"),
        ((2, 0), "12", r"state\[2\]\[0\]: expected a int, got '12'"),
        ((5, 1), 1, r"state\[5\]\[1\]: expected a bool, got 1"),
        ((8,), float("nan"), r"state\[8\]: expected a float, got nan"),
        ((9,), True, r"state\[9\]: expected a int, got True"),
    ],
)
def test_a_wrong_state_is_refused_and_its_place_named(data, place, value, told):
    changed = {"state": json.loads(data)["state"]}
    at, key = changed, "state"
    for number in place:
        at, key = at[key], number
    at[key] = value
    with pytest.raises(ConfigurationError, match=told):
        EnvironmentState.from_data({"format": FORMAT, **changed})


@pytest.mark.parametrize("foreign", [None, [], {}, {"format": "other", "state": []}])
def test_another_format_is_refused(foreign):
    with pytest.raises(ConfigurationError, match=f"expected '{FORMAT}', got another format"):
        EnvironmentState.from_data(foreign)
