"""Reference of the launch files, generated from their argument tables."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from der_ros.launching.arguments import Argument
from site_builder.pages import code, page, refuse, sentence

_SHORTEST_TEXT = 8
_TIME = re.compile(r"\d{8}-\d{6}")


def load(path: Path) -> ModuleType:
    """Import a launch file as a module.

    Raises:
        ImportError: The path is not a Python file.
    """
    spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a Python file, got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch_pages(folder: Path) -> dict[str, str]:
    """Return the page of each launch file by its path below ``reference/``.

    Raises:
        UndocumentedError: An argument has no text.
    """
    files = {path.name: load(path) for path in sorted(folder.glob("*.launch.py"))}
    refuse([line for name, module in files.items() for line in complaints(name, module.ARGUMENTS)])
    return {
        f"launch/{name.removesuffix('.launch.py')}.md": _launch_page(name, module)
        for name, module in files.items()
    }


def complaints(name: str, arguments: Iterable[Argument]) -> list[str]:
    """Return one line per argument without a text."""
    return [
        f"argument {item.name} of {name}: expected a text, got {item.description!r}"
        for item in arguments
        if len(item.description) < _SHORTEST_TEXT
    ]


def _launch_page(name: str, module: ModuleType) -> str:
    blocks = [sentence((module.__doc__ or "").split("\n\n")[0])]
    blocks.append(f"```sh\n./ros2w launch der_ros {name} NAME:=VALUE …\n```")
    for item in module.ARGUMENTS:
        default = _TIME.sub("<time>", item.default)
        blocks += [
            f"### {code(item.name)}",
            f"*{item.expected}; default {code(default)}*",
            sentence(item.description),
        ]
    return page(code(name), *blocks)
