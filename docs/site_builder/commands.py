"""Reference of the commands, generated from their ``--help``."""

from __future__ import annotations

import argparse
import ast
import importlib
from pathlib import Path
from unittest import mock

import der_ros.cli
from ros2w.cli import HELP
from site_builder.pages import code, page, refuse, sentence

_WIDTH = "100"


class _ParsedError(Exception):
    """Exception that carries a command's parser out of its ``main``."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def tools(setup: Path) -> tuple[str, ...]:
    """Return the names of the tools that ``setup.py`` installs."""
    for node in ast.parse(setup.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TOOLS":
            return tuple(ast.literal_eval(node.value))
    raise ValueError(f"expected a table TOOLS in {setup}, found none")


def parser_of(tool: str) -> argparse.ArgumentParser:
    """Return the argument parser of a tool, by running its ``main`` up to the parsing.

    Raises:
        ValueError: The tool returns without parsing its arguments.
    """

    def parse_args(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _ParsedError(self)

    (path,) = Path(der_ros.cli.__path__[0]).rglob(f"{tool}.py")
    folder = ".".join(["der_ros.cli", *path.relative_to(der_ros.cli.__path__[0]).parts[:-1]])
    module = importlib.import_module(f"{folder}.{tool}")
    try:
        with mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args):
            module.main([])
    except _ParsedError as parsed:
        return parsed.parser
    raise ValueError(f"expected {tool} to parse its arguments, it did not")


def complaints(tool: str, parser: argparse.ArgumentParser) -> list[str]:
    """Return one line per option without a text, and for a command without a description."""
    found = [] if parser.description else [f"command {tool}: expected a description"]
    for action in parser._actions:
        if not action.help and action.help != argparse.SUPPRESS:
            name = "/".join(action.option_strings) or action.dest
            found.append(f"command {tool}: expected a text for {name}")
    return found


def command_pages(setup: Path) -> dict[str, str]:
    """Return the page of each command by its path below ``reference/``.

    Raises:
        UndocumentedError: A command or an option has no text.
    """
    parsers = {tool: parser_of(tool) for tool in tools(setup)}
    refuse([line for tool, parser in parsers.items() for line in complaints(tool, parser)])
    with mock.patch.dict("os.environ", {"COLUMNS": _WIDTH}):
        found = {f"commands/{tool}.md": _command_page(tool, parsers[tool]) for tool in parsers}
    wrapper = page(
        "`ros2w`",
        "The wrapper prepares an environment on first use and then becomes the command.",
        f"```text\n{HELP}```",
    )
    return {"commands/ros2w.md": wrapper, **found}


def _command_page(tool: str, parser: argparse.ArgumentParser) -> str:
    return page(
        code(tool),
        sentence(parser.description or ""),
        f"```sh\n./ros2w run der_ros {tool} …\n```",
        f"```text\n{parser.format_help()}```",
    )
