"""Trains a policy in simulation and exports it as ``policy.onnx``. Ctrl-C saves and exports."""

from der_ros.launching.actions import (
    checked_launch,
    given_arguments,
    launched_node,
    only_here,
)
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import NAMESPACE
from der_ros.tasks import TASK_NAMES

ARGUMENTS = [
    Argument("task", "lap_joint", "What is assembled", choices=tuple(TASK_NAMES)),
    Argument("preset", "fast", "Hyper-parameters: fast (two cores), paper, or a .yaml file"),
    Argument(
        "algorithm", "preset", "The learner; preset: the preset's own (td3 in fast, ddpg in paper)",
        choices=("preset", "ddpg", "td3", "sac"),
    ),
    Argument(
        "replay_structure", "no_demos", "Which shard starts with which demonstrations",
        choices=("no_demos", "one_shot_in_all", "all_shots_in_all", "one_shot_each"),
    ),
    Argument(
        "der", "true", "Dynamic Experience Replay on or off", bool, choices=("true", "false")
    ),
    Argument("demos", "", "A demonstration or a folder of them: bags, or .npz episodes"),
    Argument("engine", "local", "Where workers and replay run", choices=("local", "ray")),
    Argument("ray_address", "", "A running Ray cluster, host:port; empty: one started here"),
    Argument(
        "workers", "-1", "Rollout processes; 0: all in one; -1: cores minus one", int, minimum=-1
    ),
    Argument("seed", "0", "Of everything that is drawn", int, minimum=0),
    Argument(
        "max_minutes", "8.0", "Budget in minutes; solved earlier, it ends earlier", float, minimum=0
    ),
    Argument("max_env_steps", "0", "Budget in environment steps; 0: none", int, minimum=0),
    Argument("run_dir", "", "Run folder; empty: runs/train_<task>_<time>"),
    Argument("resume", "", "Run folder or checkpoint to go on from"),
    NAMESPACE,
]  # fmt: skip


# What a run that goes on keeps.
FIXED = {
    "task", "preset", "algorithm", "replay_structure", "der", "demos", "engine", "ray_address",
    "workers", "seed",
}  # fmt: skip


def start(context, values):
    contradicting = sorted(FIXED & set(given_arguments(context))) if values["resume"] else []
    if contradicting:
        raise RuntimeError(
            "nothing was started: resume: a run that goes on has its own settings; leave out "
            + ", ".join(contradicting)
        )
    parameters = {name: value for name, value in values.items() if name != "namespace"}
    # Ctrl-C: it writes a checkpoint and the policy, and ends Ray.
    return [only_here(), launched_node("sim_trainer", parameters, values, sigterm_timeout="30")]


def generate_launch_description():
    return checked_launch(ARGUMENTS, start)
