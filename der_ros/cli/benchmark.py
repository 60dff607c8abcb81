"""``ros2 run der_ros benchmark NAME``: runs one of the package's benchmarks.

Each is a script ``benchmarks/bench_NAME.py`` with arguments of its own. It takes this process's
place, so that what it measures has the process to itself, and each signal (Ctrl-C too) is its own.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from der_ros.cli._common import run_tool
from der_ros.errors import ConfigurationError
from der_ros.policy.shipped import package_folders

_PREFIX = "bench_"


def main(args: Sequence[str] | None = None) -> int:
    """Entry point; returns only where no benchmark is run."""
    return run_tool(lambda: _run(args))


def _run(args: Sequence[str] | None) -> int:
    scripts = find_benchmarks()
    parser = _parser(scripts)
    options = parser.parse_args(args)
    if options.name is None:
        parser.print_help()
        return 0
    if options.name not in scripts:
        raise ConfigurationError(
            f"benchmark: expected one of {', '.join(scripts)}, got {options.name!r}"
        )
    command = [sys.executable, str(scripts[options.name]), *options.arguments]
    os.execv(sys.executable, command)


def find_benchmarks() -> dict[str, Path]:
    """The scripts by name, in the order of the names.

    Raises:
        ConfigurationError: the package has none.
    """
    for folder in package_folders("benchmarks"):
        paths = sorted(folder.glob(f"{_PREFIX}*.py"))
        if paths:
            return {path.stem.removeprefix(_PREFIX): path for path in paths}
    raise ConfigurationError(
        f"benchmark: expected {_PREFIX}*.py in the package's folder benchmarks, there are none; "
        "build it again with colcon"
    )


def describe(script: Path) -> str:
    """The first line of a script's docstring, without running it."""
    return (ast.get_docstring(ast.parse(script.read_text())) or "").partition("\n")[0]


def _parser(scripts: Mapping[str, Path]) -> argparse.ArgumentParser:
    lines = [f"  {name:<12} {describe(path)}" for name, path in scripts.items()]
    parser = argparse.ArgumentParser(
        prog="benchmark",
        description="Measures this package; what has a peer is raced against it in the same run.",
        epilog="\n".join(("benchmarks:", *lines)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of those below")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="passed on: --json, or --help for the benchmark's own",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
