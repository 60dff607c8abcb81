"""The shipped configuration of the cell agrees with what the policies are trained in."""

import dataclasses
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import yaml

from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.envs.assembly import default_limits
from der_ros.nodes import kuka_bridge
from der_ros.tasks import TASK_NAMES, make_task

ROOT = Path(__file__).parents[2]
CELL = ROOT / "config" / "deploy_kr60.yaml"
LAUNCH_FILE = ROOT / "launch" / "deploy_kr60.launch.py"


def bridge_of(task):
    """What the launch file gives the bridge for a task: the cell's file has the last word."""
    nodes = [yaml.safe_load((CELL.with_suffix("") / f"{task}.yaml").read_text())]
    nodes.append(yaml.safe_load(CELL.read_text()))
    return {
        name: value
        for node in nodes
        for name, value in node.get("kuka_bridge", {}).get("ros__parameters", {}).items()
    }


def test_every_task_can_be_chosen():
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    (argument,) = (argument for argument in arguments if argument.name == "task")
    assert argument.choices == list(TASK_NAMES)
    assert {path.stem for path in CELL.with_suffix("").iterdir()} == set(TASK_NAMES)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_robot_is_held_to_the_limits_of_the_training(task):
    bridge = bridge_of(task)
    deployed = {name: bridge.get(name, default) for name, default, _ in kuka_bridge._GOVERNOR}
    deployed["workspace_min_m"] = tuple(bridge["workspace_min_m"])
    deployed["workspace_max_m"] = tuple(bridge["workspace_max_m"])
    assert deployed == dataclasses.asdict(default_limits(make_task(task)))


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_bridge_lets_a_piece_turn_to_the_nearest_goal(name):
    task, rng = make_task(name), np.random.default_rng(0)
    starts = [task.sample_initial_state(rng) for _ in range(2000)]
    furthest = max(task.angle(start.held, task.goal_pose(start)) for start in starts)
    allowed = bridge_of(name).get("max_correction_deg", CorrectionLimits().rotation_deg)
    assert math.degrees(furthest) + 10.0 < allowed


def test_the_sensor_sits_where_the_simulated_tools_have_it():
    pose = yaml.safe_load(CELL.read_text())["/**"]["ros__parameters"]["tcp_from_sensor"]
    for name in TASK_NAMES:
        sensor = make_task(name).tcp_from_sensor
        np.testing.assert_allclose(pose, [*sensor.position, *sensor.quaternion], atol=1e-12)
