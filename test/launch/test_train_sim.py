"""What the launch file offers."""

import runpy
from pathlib import Path

from der_ros.tasks import TASK_NAMES

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "train_sim.launch.py"


def test_every_task_can_be_trained():
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    (choices,) = (one.choices for one in arguments if one.name == "task")
    assert tuple(choices) == TASK_NAMES
