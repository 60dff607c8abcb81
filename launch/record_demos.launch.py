"""Record demonstrations: an operator or a script controls the robot in place of the policy.

The nodes are those of a deployment on a KR 60. Each success becomes one bag in the folder ``out``.
The launch ends when the folder holds ``episodes`` demonstrations.
"""

from pathlib import Path

from der_ros.bags.demonstrations import DemonstrationFolder
from der_ros.installation import is_installed
from der_ros.launching.actions import deployment, joy_node
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import FOLDER
from der_ros.launching.kr60_cell import kr60_arguments, kr60_parts
from der_ros.launching.refusals import refusing
from der_ros.launching.teleop_arguments import joystick_argument, terminal_in_front
from der_ros.parameters.teleop import DemoParameters
from der_ros.teleop.axis_map import load_map, map_names

# Rightful source of the topic joy: one node, with any name.
ANY_ONE_OF_JOY = "joy ?"
NOT_OFFERED = {"attempts", "retries", "record", "keep_bags"}
OWN = [
    Argument(
        "device",
        "joy",
        "joy: a game controller; keyboard: this terminal's; scripted: a script that knows the goal "
        "(robot:=sim); topic: any publisher of sensor_msgs/Joy on joy",
        choices=("joy", "keyboard", "scripted", "topic"),
    ),
    Argument(
        "axis_map",
        "",
        f"Axis map: {', '.join(map_names())}, or the path of a YAML file; empty: keyboard for the "
        "keyboard, else xbox",
        optional=True,
    ),
    joystick_argument("device:=joy"),
    Argument.of(DemoParameters, "episodes"),
    Argument("out", "demos", "Folder for the demonstrations; made if missing", **FOLDER),
    Argument("time_limit_s", "120", "Longest attempt [s]", float, minimum=1.0),
]
ARGUMENTS = [each for each in kr60_arguments(OWN) if each.name not in NOT_OFFERED]


def extra(values):
    pilot = "scripted" if values["device"] == "scripted" else "joy"
    axis_map = values["axis_map"] or ("keyboard" if values["device"] == "keyboard" else "xbox")
    person = {} if pilot == "scripted" else {"axis_map": axis_map}
    if person:
        with refusing("axis_map"):
            load_map(axis_map)
    if values["device"] == "topic":
        person["rightful_sources"] = [ANY_ONE_OF_JOY]
    nodes = {
        "policy_server": {"pilot": pilot, **person},
        "assembly_supervisor": {
            "auto_start": False,
            "start_each": True,
            "time_limit_s": values["time_limit_s"],
        },
        "demo_recorder": {
            "task": values["task"],
            "robot": f"kr60 {values['robot']}",
            "seed": values["seed"] if values["robot"] == "sim" else -1,
            "episodes": values["episodes"],
            "out": values["out"],
            "pilot": pilot,
            **person,
        },
    }
    if values["device"] == "keyboard":
        with refusing("device:=keyboard"):
            nodes["teleop_device"] = {"source": "keyboard", "terminal": terminal_in_front()}
    if values["device"] == "joy" and not is_installed("joy"):
        nodes["teleop_device"] = {"source": "joystick", "device": values["joystick"]}
    return nodes


def beside(values):
    with refusing():
        DemonstrationFolder(Path(values["out"]))
    return [joy_node(values)] if values["device"] == "joy" and is_installed("joy") else []


def generate_launch_description():
    fixed = {"attempts": 0, "retries": 0, "record": True, "keep_bags": 0}
    return deployment("deploy_kr60", ARGUMENTS, kr60_parts, fixed, extra, beside)
