"""Reference of the Python API: a page for each package, rendered by mkdocstrings."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator

import der_ros
from site_builder.pages import code, page

# Packages that other reference pages describe: nodes, commands and launch files.
_SHELLS = ("nodes", "cli", "launching")


def modules() -> Iterator[tuple[str, str]]:
    """Yield the package (also the name of its page) and the name of each public module."""
    for found in pkgutil.walk_packages(der_ros.__path__, "der_ros."):
        parts = found.name.split(".")[1:]
        private = any(part.startswith("_") for part in parts)
        if not found.ispkg and not private and parts[0] not in _SHELLS:
            yield ".".join(parts[:-1]) or "der_ros", found.name


def api_pages() -> dict[str, str]:
    """Return the page of each package by its path below ``reference/``."""
    found: dict[str, list[str]] = {}
    for package, module in modules():
        found.setdefault(package, []).append(module)
    return {
        f"api/{package}.md": page(code(package), *(f"::: {module}" for module in names))
        for package, names in sorted(found.items())
    }
