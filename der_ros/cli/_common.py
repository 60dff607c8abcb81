"""What the command-line tools share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from der_ros.errors import DerRosError


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """``--option NAME=VALUE``, for ``TrainingConfig.env_options``."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other keyword of the environment (docs/simulation.md), such as shape=round; "
        "may be repeated",
    )


def run_tool(body: Callable[[], int]) -> int:
    """Runs a tool's body; a user's mistake is one line on standard error and exit code 1."""
    try:
        return body()
    except DerRosError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
