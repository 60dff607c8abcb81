"""Options and error handling shared by the command-line tools."""

from __future__ import annotations

import argparse
import gc
import sys
import typing
from collections.abc import Callable, Iterable
from typing import Any

from der_ros.cli import INTERRUPTED
from der_ros.errors import DerRosError, printable
from der_ros.settings import Setting

_OBJECTS_BETWEEN = 100_000
# torch has no class of its own for its processor's memory.
_TORCH_HAS_NO_MEMORY = ("can't allocate memory", "out of memory")


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--option NAME=VALUE``, for ``TrainingConfig.env_options``."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other keyword of the environment (docs/reference/environments.md), such as "
        "shape=round; may be repeated",
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, nothing else"
    )


def add_settings(parser: argparse.ArgumentParser, settings: Iterable[Setting]) -> None:
    """Add an option for each setting, such as ``--max-minutes`` for ``max_minutes``.

    An option that is not given is None.
    """
    for each in settings:
        kinds = typing.get_args(each.kind) or (each.kind,)
        flag: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        value = {"type": kinds[0], "choices": each.choices or None}
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            help=each.description.replace("%", "%%"),
            **(flag if each.kind is bool else value),
        )


def few_collections() -> None:
    """Search for unreachable objects more rarely, in a tool that makes many objects that stay."""
    gc.set_threshold(_OBJECTS_BETWEEN)


def run_tool(body: Callable[[], int]) -> int:
    """Run a tool's body and return its exit code.

    A ``DerRosError``, a file error or a lack of memory prints one line on standard error and
    returns 1. Ctrl-C returns 130.
    """
    try:
        return body()
    except DerRosError as error:
        return _failed(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _failed(printable(f"{where}{error.strerror or error}"))
    except MemoryError as error:
        return _no_memory(error)
    except RuntimeError as error:
        if not any(words in str(error) for words in _TORCH_HAS_NO_MEMORY):
            raise
        return _no_memory(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _no_memory(error: Exception) -> int:
    what = " ".join(str(error).split())[:200]
    return _failed(f"the memory is full ({what}); end other programs, or ask for less")


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1
