"""The shipped cell configurations agree with the training environments of the policies."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.envs.assembly import default_limits
from der_ros.parameters.shared import JointNames
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import made_from, names_of
from der_ros.sim.iiwa import IIWA
from der_ros.tasks import TASK_NAMES, make_task

ROOT = Path(__file__).parents[2]
CELLS = {name: ROOT / "config" / f"{name}.yaml" for name in ("deploy_kr60", "deploy_iiwa")}
ROBOTS = {"deploy_kr60": "kr60", "deploy_iiwa": "iiwa"}
BUDGETS_N = {"deploy_kr60": 120.0, "deploy_iiwa": 60.0}
each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))


def bridge_of(cell, task):
    """Return the bridge's parameters for a task; the cell's file takes precedence."""
    nodes = [yaml.safe_load((cell.with_suffix("") / f"{task}.yaml").read_text())]
    nodes.append(yaml.safe_load(cell.read_text()))
    return {
        name: value
        for node in nodes
        for name, value in node.get("/**/kuka_bridge", {}).get("ros__parameters", {}).items()
    }


@each_cell
def test_every_task_can_be_chosen(cell):
    launch_file = ROOT / "launch" / f"{cell.stem}.launch.py"
    arguments = runpy.run_path(str(launch_file))["ARGUMENTS"]
    (argument,) = (argument for argument in arguments if argument.name == "task")
    assert argument.choices == tuple(TASK_NAMES)
    assert {path.stem for path in cell.with_suffix("").iterdir()} == set(TASK_NAMES)


@each_cell
@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_robot_has_the_limits_of_the_training(cell, task):
    # Only a deployment keeps a force budget by default.
    bridge = bridge_of(cell, task)
    assert {"workspace_min_m", "workspace_max_m"} <= bridge.keys()
    deployed = made_from(GovernorLimits, bridge)
    assert deployed.force_budget_n == BUDGETS_N[cell.stem]
    trained = default_limits(make_task(task), ROBOTS[cell.stem])
    assert deployed == replace(trained, force_budget_n=BUDGETS_N[cell.stem])


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_bridge_allows_turns_to_the_nearest_goal(name):
    task, rng = make_task(name), np.random.default_rng(0)
    starts = [task.sample_initial_state(rng) for _ in range(2000)]
    furthest = max(task.angle(start.held, task.goal_pose(start)) for start in starts)
    allowed = bridge_of(CELLS["deploy_kr60"], name).get(
        "max_correction_deg", CorrectionLimits().rotation_deg
    )
    assert math.degrees(furthest) + 10.0 < allowed


@each_cell
def test_the_sensor_sits_as_on_the_simulated_tools(cell):
    pose = yaml.safe_load(cell.read_text())["/**"]["ros__parameters"]["tcp_from_sensor"]
    for name in TASK_NAMES:
        sensor = make_task(name).tcp_from_sensor
        np.testing.assert_allclose(pose, [*sensor.position, *sensor.quaternion], atol=1e-12)


def test_the_iiwa_stands_as_the_simulated_one_does():
    told = yaml.safe_load(CELLS["deploy_iiwa"].read_text())["/**"]["ros__parameters"]
    for name, pose in (
        ("task_frame", IIWA.base_from_task),
        ("flange_from_tcp", IIWA.flange_from_tcp),
    ):
        np.testing.assert_allclose(told[name], [*pose.position, *pose.quaternion], atol=1e-12)


@pytest.mark.parametrize("stack", ["lbr_fri_ros2_stack", "kuka_drivers"])
def test_a_stack_has_the_names_that_the_bridge_needs(stack):
    path = ROOT / "config" / "ros2_control" / f"{stack}.yaml"
    told = yaml.safe_load(path.read_text())["/**"]["ros__parameters"]
    base_frame = told.pop("base_frame")
    assert told.keys() == set(names_of(JointNames))
    names = JointNames(**told)
    assert base_frame == names.base_link
    assert len(names.joint_names) == len(IIWA.axes)
    assert all(
        topic.startswith("/")
        for topic in (names.states_topic, names.command_topic, names.description_topic)
    )
