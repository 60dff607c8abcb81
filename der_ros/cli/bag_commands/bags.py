"""``ros2 run der_ros bags``: shows, plots and repairs bags, and minimizes them to tests.

Exit code 0: success; 1: a file cannot be written; 2: unusable bag or wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from der_ros.cli._tool import add_json_option, run_tool
from der_ros.cli.bag_commands.info import add_info
from der_ros.cli.bag_commands.minimize import add_minimize
from der_ros.cli.bag_commands.plot import add_plot
from der_ros.errors import BagError, printable

if TYPE_CHECKING:
    from der_ros.bags.repair import RepairReport

_UNUSABLE = 2


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    try:
        return int(options.run(options))
    except BagError as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bags",
        description="Shows, draws and repairs recorded bags, and cuts them down to tests.",
        epilog="Exit code 0: done; 1: a file cannot be written; 2: the bag or an argument "
        "cannot be used. Errors name the reason.",
    )
    commands = parser.add_subparsers(
        required=True, metavar="info|plot|repair|minimize", dest="command", help="what to do"
    )
    _add_repair(commands)
    add_info(commands)
    add_minimize(commands)
    add_plot(commands)
    return parser


def _add_repair(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "repair a bag after a kill, a power cut, a truncation or damage on the disk"
    command = commands.add_parser("repair", help=text, description=text)
    command.set_defaults(run=_repair)
    command.add_argument(
        "bag", type=Path, help="a bag's folder, the .part of a recording, or an MCAP file"
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--out", type=Path, help="the new bag; default: BAG_repaired beside the old one"
    )
    where.add_argument(
        "--in-place",
        action="store_true",
        help="replace the bag's files by complete ones; a .part gets the name of its bag",
    )
    add_json_option(command)


def _repair(options: argparse.Namespace) -> int:
    # Imported here: the other sub-commands do not need it.
    from der_ros.bags.repair import repair_bag

    report = repair_bag(options.bag, options.out, options.in_place)
    if options.json:
        print(json.dumps(report._asdict() | {"bag": str(report.bag)}))
    else:
        print("\n".join(map(printable, _repair_lines(report))))
    return 0


def _repair_lines(report: RepairReport) -> list[str]:
    if report.whole:
        return [f"{report.bag}: complete, nothing to repair"]
    lost = [f"    {name}: {count} messages are lost" for name, count in report.lost.items()]
    return [
        f"{report.bag}: {report.messages} messages",
        *(f"    {text}" for text in report.damage),
        *lost,
    ]


if __name__ == "__main__":
    sys.exit(main())
