"""Check the links of Markdown pages to files and pictures, which Zensical does not check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links_of(page: Path) -> Iterator[str]:
    """Yield the target of each link of a page that leads to a file, without its anchor."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        path = target.partition("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            yield path


def broken_links(pages: Path) -> list[str]:
    """Return one line for each link that leads to no file below ``pages``."""
    return [
        f"{page.relative_to(pages)}: no file at {link}"
        for page in sorted(pages.rglob("*.md"))
        for link in links_of(page)
        if not (page.parent / link).resolve().is_relative_to(pages.resolve())
        or not (page.parent / link).is_file()
    ]
