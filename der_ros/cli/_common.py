"""Options and error handling of the command-line tools."""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Callable, Iterable
from typing import Any

from der_ros.errors import DerRosError
from der_ros.settings import Setting


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


def add_settings(parser: argparse.ArgumentParser, settings: Iterable[Setting]) -> None:
    """Add an option for each setting: ``--max-minutes`` for ``max_minutes``; None if not given."""
    for each in settings:
        kinds = typing.get_args(each.kind) or (each.kind,)
        flag: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        value = {"type": kinds[0], "choices": each.choices or None}
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            help=each.description.replace("%", "%%"),
            **(flag if each.kind is bool else value),
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
