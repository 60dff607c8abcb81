"""``bags plot``: plots an attempt over time."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from der_ros.cli._tool import add_json_option, few_collections


def add_plot(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command ``plot`` to the command ``bags``."""
    text = "draw an attempt over time: force, pose, twists, interventions, and the verdict"
    command = commands.add_parser("plot", help=text, description=text)
    command.set_defaults(run=_plot)
    command.add_argument("bag", type=Path, help="a bag's folder")
    command.add_argument(
        "--out", type=Path, metavar="PNG", help="the picture; default: BAG.png beside the bag"
    )
    add_json_option(command)


def _plot(options: argparse.Namespace) -> int:
    few_collections()
    # Imported here: a replay loads modules that `bags info` and `bags repair` do not need.
    from der_ros.offline_replay.plot.attempt_plot import plot_bag

    bag = Path(os.path.realpath(options.bag))
    out = options.out or Path(f"{bag}.png")
    replay = plot_bag(options.bag, out)
    if options.json:
        found = {"cycles": replay.cycles, "peak_force_n": replay.stream.peak_force_n}
        print(json.dumps({"bag": str(options.bag), "out": str(out), **found}))
    else:
        print(f"wrote {out}")
    return 0
