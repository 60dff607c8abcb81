"""Trains a policy in simulation and exports it as ``policy.onnx``. Ctrl-C saves and exports."""

from der_ros.launching.actions import (
    checked_launch,
    given_arguments,
    launched_node,
    only_here,
)
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import NAMESPACE
from der_ros.settings import settings_of
from der_ros.training.config import RunOptions, launched_settings

ARGUMENTS = [
    *map(Argument.of_setting, launched_settings()),
    *map(Argument.of_setting, settings_of(RunOptions)),
    NAMESPACE,
]


# A run that goes on keeps its own.
FIXED = {argument.name for argument in ARGUMENTS} - {
    "max_minutes",
    "max_env_steps",
    "run_dir",
    "resume",
    "namespace",
}


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
