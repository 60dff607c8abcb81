"""Helpers that the command-line tools share."""

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
        help="any other keyword of the environment (docs/explanation/simulation.md), such as "
        "shape=round; may be repeated",
    )


def run_tool(body: Callable[[], int]) -> int:
    """Run a tool's body; a user's mistake is one line on standard error and exit code 1.

    So is what the computer refuses: files and memory.
    """
    try:
        return body()
    except DerRosError as error:
        return _failed(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _failed(f"{where}{error.strerror or error}")
    except MemoryError as error:
        return _failed(f"expected more memory than there is free ({error})")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1
