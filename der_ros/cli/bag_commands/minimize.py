"""``bags minimize``: reduces a bag to a small test case."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from der_ros.cli._tool import add_json_option
from der_ros.errors import printable
from der_ros.policy.attempt import Outcome

_ANY = "verdict"


def add_minimize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command ``minimize`` to the command ``bags``."""
    text = "cut a bag to the shortest stretch and fewest topics that end in the same verdict"
    command = commands.add_parser("minimize", help=text, description=text)
    command.set_defaults(run=_minimize)
    command.add_argument("bag", type=Path, help="a bag's folder")
    command.add_argument(
        "--keep",
        choices=(*(each.value for each in Outcome), _ANY),
        default=Outcome.FAULT.value,
        help="outcome that the attempt must have; verdict: any (%(default)s)",
    )
    command.add_argument(
        "--out", type=Path, help="the new bag; default: BAG_minimized beside the old one"
    )
    command.add_argument(
        "--policy", type=Path, help="ONNX policy that acted; default: found by its checksum"
    )
    add_json_option(command)


def _minimize(options: argparse.Namespace) -> int:
    # Imported here: a replay loads onnxruntime, which `bags info` and `bags repair` do not need.
    from der_ros.offline_replay.expectations import expectation_file
    from der_ros.offline_replay.minimizing import minimize_bag

    bag = options.bag
    out = options.out or Path(f"{os.path.realpath(bag)}_minimized")
    keep = None if options.keep == _ANY else Outcome(options.keep)
    found = minimize_bag(bag, out, keep, options.policy)
    if options.json:
        print(json.dumps(found._asdict() | {"bag": str(found.bag)}))
        return 0
    print(printable(f"{found.bag}: {found.outcome} ({found.reason})"))
    print(f"    {found.seconds:.2f} of {found.seconds_before:.2f} s")
    print(f"    {found.topics} of {found.topics_before} topics")
    print(f"    expectation: {expectation_file(found.bag)}")
    return 0
