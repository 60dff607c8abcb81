"""What the launch file offers."""

import runpy
from pathlib import Path

from der_ros.tasks import TASK_NAMES

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "train_sim.launch.py"


def test_every_task_can_be_trained():
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    (choices,) = (choices for name, _, _, choices, _ in arguments if name == "task")
    assert tuple(choices) == TASK_NAMES
