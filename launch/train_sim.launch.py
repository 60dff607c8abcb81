"""Train a policy in simulation and export it as ``policy.onnx``. Ctrl-C saves and exports."""

from der_ros.installation import is_installed
from der_ros.launching.actions import (
    checked_launch,
    given_arguments,
    joy_node,
    launched_node,
    localhost_only,
)
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import NAMESPACE
from der_ros.launching.refusals import refusal
from der_ros.launching.teleop_arguments import joystick_argument
from der_ros.parameters.policy_server import JOY, TeleopParameters
from der_ros.parameters.teleop import JOYSTICK, OFF, TakeoverParameters
from der_ros.settings import settings_of
from der_ros.training.run.launch_options import RunOptions, launched_settings

TEACH = Argument.of(TakeoverParameters, "teach")
DEVICE = [Argument.of(TeleopParameters, "axis_map"), joystick_argument("teach:=joy")]
ARGUMENTS = [
    *map(Argument.of_setting, launched_settings()),
    *map(Argument.of_setting, settings_of(RunOptions)),
    TEACH,
    *DEVICE,
    NAMESPACE,
]
OF_DEVICE = {argument.name for argument in DEVICE}


# Settings that a resumed run takes from its own configuration.
FIXED = {argument.name for argument in ARGUMENTS} - {
    "max_minutes",
    "max_env_steps",
    "run_dir",
    "resume",
    "teach",
    *OF_DEVICE,
    "namespace",
}


def device(values):
    if values["teach"] != JOY:
        return []
    if is_installed("joy"):
        return [joy_node(values)]
    parameters = {"source": JOYSTICK, "device": values["joystick"]}
    return [launched_node("teleop_device", parameters, values)]


def start(context, values):
    given = set(given_arguments(context))
    unused = sorted(OF_DEVICE & given) if values["teach"] == OFF else []
    if unused:
        raise refusal(f"{', '.join(unused)}: expected teach:=joy or teach:=topic with it")
    contradicting = sorted(FIXED & given) if values["resume"] else []
    if contradicting:
        raise refusal(
            f"resume: a resumed run keeps its settings; leave out {', '.join(contradicting)}"
        )
    left_out = {"namespace", "joystick", *(OF_DEVICE if values["teach"] == OFF else ())}
    parameters = {name: value for name, value in values.items() if name not in left_out}
    # After Ctrl-C the node writes a checkpoint and the policy and stops Ray: give it 30 s.
    trainer = launched_node("sim_trainer", parameters, values, sigterm_timeout="30")
    return [localhost_only(), trainer, *device(values)]


def generate_launch_description():
    return checked_launch(ARGUMENTS, start)
