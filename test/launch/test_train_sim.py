"""Arguments of the training launch file."""

import runpy
import subprocess
from pathlib import Path

from der_ros.tasks import TASK_NAMES

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "train_sim.launch.py"


def test_every_task_can_be_trained():
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    (choices,) = (one.choices for one in arguments if one.name == "task")
    assert tuple(choices) == TASK_NAMES


def test_a_run_that_goes_on_refuses_settings_by_name(tmp_path):
    command = ["ros2", "launch", "der_ros", "train_sim.launch.py", f"resume:={tmp_path}"]
    done = subprocess.run(
        [*command, "preset:=paper", "seed:=3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nothing was started: resume: " in done.stdout + done.stderr
    assert "leave out preset, seed" in done.stdout + done.stderr


def test_a_device_without_teach_is_refused():
    command = ["ros2", "launch", "der_ros", "train_sim.launch.py", "axis_map:=xbox"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing was started: axis_map: expected teach:=joy" in done.stdout + done.stderr


def test_a_device_is_started_only_for_a_joystick():
    launch_file = runpy.run_path(str(LAUNCH_FILE))
    values = {"joystick": "/dev/input/js3", "namespace": ""}
    assert [launch_file["device"]({**values, "teach": teach}) for teach in ("off", "topic")] == [
        [],
        [],
    ]
    assert len(launch_file["device"]({**values, "teach": "joy"})) == 1
