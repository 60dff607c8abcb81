"""Play a recorded attempt to ``policy_server`` and check its actions, without a robot.

The exit code is 0 if the policy acts as recorded. The nodes run on this computer only, in their
own namespace, and cannot reach a robot.
"""

import os
from dataclasses import replace
from pathlib import Path

from der_ros.bags.reader import BagReader
from der_ros.errors import DerRosError
from der_ros.launching.actions import checked_launch, launched_node, localhost_only
from der_ros.launching.arguments import Argument
from der_ros.launching.deployment_arguments import FOLDER, NAMESPACE
from der_ros.launching.refusals import refusal
from der_ros.offline_replay.live.played_bag import (
    REPLAY_NAMESPACE,
    namespace_problem,
    server_parameters,
)
from der_ros.parameters.bag_player import PlayerParameters
from der_ros.parameters.bag_recorder import RecorderParameters
from der_ros.parameters.policy_server import PolicyParameters
from der_ros.settings import settings_of

PLAYER = [
    Argument.of_setting(each) for each in settings_of(PlayerParameters) if each.name != "record"
]
ARGUMENTS = [
    *PLAYER,
    Argument.of(
        PolicyParameters,
        "policy",
        description="ONNX policy that answers; empty: the one that acted in the bag",
        kind=Path,
        optional=True,
    ),
    Argument.of(
        RecorderParameters,
        "run_dir",
        description="Folder of a run, made if missing: inputs and answers go as a bag into its "
        "folder bags/; empty: not recorded",
        **FOLDER,
    ),
    replace(
        NAMESPACE,
        default=REPLAY_NAMESPACE,
        description="Namespace of the nodes, away from any robot: replay, or one with that name "
        "in it such as cell_1/replay",
        optional=False,
    ),
]


def refuse(values):
    missing = [] if values["bag"] else ["bag: expected the folder of a recorded attempt, got ''"]
    return [*missing, *filter(None, [namespace_problem(values["namespace"])])]


def start(_context, values):
    bag = Path(os.path.realpath(values["bag"]))
    try:
        with BagReader(bag) as reader:
            server = server_parameters(reader, values["rate"], values["policy"])
    except DerRosError as error:
        raise refusal(str(error).replace("--policy", "policy:=")) from error
    player = {argument.name: values[argument.name] for argument in PLAYER}
    nodes = {
        "policy_server": server,
        "bag_player": {**player, "bag": str(bag), "record": bool(values["run_dir"])},
    }
    if values["run_dir"]:
        nodes["bag_recorder"] = {"run_dir": values["run_dir"]}
    return [localhost_only(), *(launched_node(node, nodes[node], values) for node in nodes)]


def generate_launch_description():
    return checked_launch(ARGUMENTS, start, refuse)
