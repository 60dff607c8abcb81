"""``ros2 run der_ros benchmark NAME``: runs a benchmark of a checkout.

A benchmark is a script ``benchmarks/bench_NAME.py`` with its own arguments. Benchmarks are not
installed: the tool finds the checkout that the installation was built from, or the one that
contains the working directory.

The script replaces this process, so signals such as Ctrl-C reach it directly.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from der_ros.cli._tool import run_tool
from der_ros.errors import ConfigurationError
from der_ros.installation import PACKAGE, prefixes

_PREFIX = "bench_"


def main(args: Sequence[str] | None = None) -> int:
    """Replace this process by a benchmark; return an exit code only if none is run."""
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
    script = str(scripts[options.name].resolve())
    command = [sys.executable, "-m", "der_ros.cli._script", script, *options.arguments]
    os.execv(sys.executable, command)


def find_benchmarks() -> dict[str, Path]:
    """Return the benchmark scripts of the checkout by name, sorted.

    Raises:
        ConfigurationError: No checkout is found.
    """
    for folder in _checkouts():
        paths = sorted((folder / "benchmarks").glob(f"{_PREFIX}*.py"))
        if paths and (folder / "package.xml").is_file():
            return {path.stem.removeprefix(_PREFIX): path for path in paths}
    raise ConfigurationError(
        f"benchmark: expected a checkout of {PACKAGE}, found none at {Path.cwd()} or beside the "
        "installed package: benchmarks are not installed. Clone the repository, change into it, "
        "and run the command again"
    )


def _checkouts() -> Iterator[Path]:
    """Yield candidate checkout folders, those of the installation first."""
    for prefix in prefixes():
        if (prefix / "share" / PACKAGE).is_dir():
            # The prefix is `install/der_ros`, or `install` after colcon's --merge-install.
            for workspace in (prefix.absolute().parent, prefix.absolute().parent.parent):
                yield workspace
                yield workspace / "src" / PACKAGE
    here = Path.cwd()
    yield from (here, *here.parents)
    yield Path(__file__).resolve().parents[2]


def describe(script: Path) -> str:
    """Return the first line of a script's docstring, without running the script."""
    return (ast.get_docstring(ast.parse(script.read_text("utf-8"))) or "").partition("\n")[0]


def _parser(scripts: Mapping[str, Path]) -> argparse.ArgumentParser:
    lines = [f"  {name:<12} {describe(path)}" for name, path in scripts.items()]
    parser = argparse.ArgumentParser(
        prog="benchmark",
        description="Runs a benchmark of this package, compared with a peer where there is one.",
        epilog="\n".join(("benchmarks:", *lines)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a benchmark of the list below")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="arguments of the benchmark, such as --json or --help",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
