"""What the launch file offers, read without ROS 2's launch."""

import ast
from pathlib import Path

from der_ros.tasks import TASK_NAMES

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "train_sim.launch.py"


def test_every_task_can_be_trained():
    tree = ast.parse(LAUNCH_FILE.read_text(encoding="utf-8"))
    (choices,) = (
        [choice.value for choice in node.elts[3].elts]
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple) and isinstance(node.elts[0], ast.Constant)
        if node.elts[0].value == "task"
    )
    assert tuple(choices) == TASK_NAMES
