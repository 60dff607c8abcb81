"""The shipped configuration of the cell agrees with what the policy was trained in."""

import dataclasses
import runpy
from pathlib import Path

import numpy as np
import pytest
import yaml

from der_ros.envs.assembly import default_limits
from der_ros.nodes import kuka_bridge
from der_ros.tasks import TASK_NAMES, make_task

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "deploy_kr60.yaml"
LAUNCH_FILE = ROOT / "launch" / "deploy_kr60.launch.py"


@pytest.fixture
def parameters():
    return yaml.safe_load(CONFIG.read_text())


def deployable_tasks():
    """What the launch file lets one choose."""
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    (argument,) = (argument for argument in arguments if argument.name == "task")
    return argument.choices


def test_the_robot_is_held_to_the_limits_of_the_training(parameters):
    bridge = parameters["kuka_bridge"]["ros__parameters"]
    deployed = {name: bridge.get(name, default) for name, default, _ in kuka_bridge._GOVERNOR}
    deployed["workspace_min_m"] = tuple(bridge["workspace_min_m"])
    deployed["workspace_max_m"] = tuple(bridge["workspace_max_m"])
    trained = {name: dataclasses.asdict(default_limits(make_task(name))) for name in TASK_NAMES}
    fitting = [name for name in TASK_NAMES if trained[name] == deployed]
    assert fitting == deployable_tasks()


def test_the_sensor_sits_where_the_simulated_tool_has_it(parameters):
    pose = parameters["/**"]["ros__parameters"]["tcp_from_sensor"]
    (task,) = deployable_tasks()
    sensor = make_task(task).tcp_from_sensor
    np.testing.assert_allclose(pose, [*sensor.position, *sensor.quaternion], atol=1e-12)
