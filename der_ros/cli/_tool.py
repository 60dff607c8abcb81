"""Options and error handling shared by the command-line tools."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
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


def add_namespace_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option ``--namespace``, checked like the argument of the launch files."""
    from der_ros.launching.deployment_arguments import NAMESPACE

    def namespace(name: str) -> str:
        if complaint := NAMESPACE.complaint(name):
            raise argparse.ArgumentTypeError(complaint)
        return name

    parser.add_argument("--namespace", type=namespace, default="", help=text)


def add_output_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option ``--out``, a file in a folder that exists, for a tool that measures long."""

    def file(name: str) -> Path:
        path = Path(name)
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(
                f"expected a file in a folder that can be written, got {name}"
            )
        return path

    parser.add_argument("--out", type=file, help=text)


def add_settings(
    parser: argparse.ArgumentParser, settings: Iterable[Setting], *, defaults: bool = False
) -> None:
    """Add an option for each setting, such as ``--max-minutes`` for ``max_minutes``.

    An option that is not given is None.

    Args:
        parser: Parser to add to.
        settings: Settings in the order of the options.
        defaults: True if the help names the settings' defaults.
    """
    for each in settings:
        default = f" (default: {each.default})" if defaults else ""
        kinds = typing.get_args(each.kind) or (each.kind,)
        flag: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        value = {"type": kinds[0], "choices": each.choices or None}
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            help=each.description.replace("%", "%%") + default,
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
