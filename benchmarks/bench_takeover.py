"""Environment steps until a task is learned, with and without a person who takes over.

    python benchmarks/bench_takeover.py [--task peg_in_hole] [--seeds 3] [--interventions 10]
        [--keep FILE.jsonl] [--json]

Each run is ``train_sim.launch.py`` with its default settings, which ends at 95 % success in 100
unseen episodes. The person is scripted: it reads ``teleop/status``, ``teleop/pose`` and
``teleop/goal_pose`` and answers with ``sensor_msgs/Joy``, at the speed of a real robot. It drives
up to ``--interventions`` episodes at the beginning of the training. With ``--keep``, each run is a
line of the file, and an interrupted benchmark continues with the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Joy

from der_ros.geometry import Pose
from der_ros.nodes.shared.conversions import pose_from_message
from der_ros.nodes.shared.qos import LATCHED
from der_ros.tasks import TASK_NAMES, make_task
from der_ros.tasks.oracle import oracle_action
from der_ros.teleop.axis_map import load_map
from support.deployment import own_domain, started
from support.kept_points import keep_point, kept_points
from support.report import Figure, argument_parser, count, less_is_better, show

_READING_S = 0.02
_RELEASED_S = 0.3  # time without the dead-man button between two takeovers
_VIEW_PERIOD_S = 0.15  # period of the poses; the person steers no faster
_MAP, _BUTTONS, _DEAD_MAN = "keyboard", 7, 0
_AXES = 6


class TakeoverRun(NamedTuple):
    """Identity of one training.

    Attributes:
        task: Name of the task.
        seed: Seed of the training.
        interventions: Largest number of takeovers; 0 for a training without a person.
    """

    task: str
    seed: int
    interventions: int


class Person(Node):
    """Scripted person: drives episodes of a running training to success through Joy messages.

    Args:
        task: Name of the task.
        interventions: Number of takeovers after which the person only watches.
    """

    def __init__(self, task: str, interventions: int) -> None:
        super().__init__("person")
        self._task, self._left = make_task(task), interventions
        self._dead_zone = load_map(_MAP).dead_zone
        self._state, self._pressed, self._released_s = "", False, 0.0
        self._piece: Pose | None = None
        self._goal: Pose | None = None
        self._joy = self.create_publisher(Joy, "joy", 10)
        self.create_subscription(DiagnosticStatus, "teleop/status", self._on_state, LATCHED)
        self.create_subscription(PoseStamped, "teleop/pose", self._on_piece, 1)
        self.create_subscription(PoseStamped, "teleop/goal_pose", self._on_goal, 1)
        self.create_timer(_READING_S, self._publish)

    def _on_state(self, message: DiagnosticStatus) -> None:
        state = str(message.message)
        if self._pressed and "press again" in state:
            self._pressed = False
        self._state = state

    def _on_piece(self, message: PoseStamped) -> None:
        self._piece = pose_from_message(message)

    def _on_goal(self, message: PoseStamped) -> None:
        self._goal = pose_from_message(message)

    def _publish(self) -> None:
        self._press()
        axes = np.zeros(_AXES)
        if self._pressed and self._state == "you drive":
            axes = self._steer()
        down = [int(self._pressed and number == _DEAD_MAN) for number in range(_BUTTONS)]
        self._joy.publish(Joy(axes=axes.tolist(), buttons=down))

    def _press(self) -> None:
        """Press the dead-man button after a pause, once the training shows its world."""
        self._released_s = 0.0 if self._pressed else self._released_s + _READING_S
        may = self._left > 0 and "hold the dead-man" in self._state and self._piece is not None
        if may and self._released_s >= _RELEASED_S:
            self._pressed, self._left = True, self._left - 1
            self._piece = self._goal = None  # may be of an earlier episode

    def _steer(self) -> np.ndarray:
        if self._piece is None or self._goal is None:
            return np.zeros(_AXES)
        height_m = self._piece.position[2] - self._goal.position[2]
        touching = bool(height_m < self._task.engagement_height_m)
        action = oracle_action(self._task, self._piece, self._goal, touching, _VIEW_PERIOD_S)
        # Deflections within the dead zone would move nothing.
        return np.sign(action) * (self._dead_zone + (1.0 - self._dead_zone) * np.abs(action))


def train(run: TakeoverRun) -> dict[str, float]:
    """Train once; return the newest value of each metric."""
    taught = ["teach:=topic", f"axis_map:={_MAP}"] if run.interventions else []
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"task:={run.task}", f"seed:={run.seed}", f"run_dir:={folder}/run"]
        command = ["ros2", "launch", "der_ros", "train_sim.launch.py", *arguments, *taught]
        with started(command, Path(folder) / "launch.log") as process:
            if run.interventions:
                watch(Person(run.task, run.interventions), process)
            code = process.wait()
        if code:
            sys.exit((Path(folder) / "launch.log").read_text()[-2000:])
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
    newest: dict[str, float] = {}
    for line in lines:
        newest |= json.loads(line)
    return newest


def watch(person: Person, process: subprocess.Popen[bytes]) -> None:
    """Let the person act until the training ends."""
    executor = SingleThreadedExecutor()
    executor.add_node(person)
    while process.poll() is None:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    person.destroy_node()


def measure(run: TakeoverRun) -> dict[str, float]:
    """Train once and return its figures."""
    newest = train(run)
    return {
        "env_steps": newest["time/env_steps"],
        "minutes": newest["time/elapsed_s"] / 60.0,
        "success": newest["rollout/evaluation_success_rate"],
        "takeovers": newest.get("rollout/takeovers", 0.0),
        "taught_steps": newest.get("rollout/taught_steps", 0.0),
    }


def main() -> int:
    """Train every seed with and without a person, and print the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--task", choices=TASK_NAMES, default="peg_in_hole", help="task")
    parser.add_argument("--seeds", type=count, default=3, help="number of seeds (%(default)s)")
    parser.add_argument(
        "--interventions", type=count, default=10, help="takeovers of a run (%(default)s)"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="stores and reuses figures")
    options = parser.parse_args()
    own_domain()
    rclpy.init()
    kept, figures = kept_points(options.keep, TakeoverRun), []
    steps: dict[int, list[float]] = {0: [], options.interventions: []}
    for seed in range(options.seeds):
        for interventions in steps:
            run = TakeoverRun(options.task, seed, interventions)
            if run not in kept:
                kept[run] = measure(run)
                keep_point(options.keep, run, kept[run])
            name = f"seed_{seed}.{'taught' if interventions else 'alone'}"
            figures += [Figure(f"{name}.{key}", value, "") for key, value in kept[run].items()]
            steps[interventions].append(kept[run]["env_steps"])
    alone, taught = (float(np.mean(each)) for each in steps.values())
    figures.append(less_is_better("env_steps", taught, "", "without a person", alone))
    show("takeover", figures, options.json)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
