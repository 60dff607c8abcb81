"""Checks beyond Zensical's: links to files and images, and no content from the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_LOADED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(https?://[^"]+)"')
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links_of(page: Path) -> Iterator[str]:
    """Yield the target of each link from a page to a file, without its anchor."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        path = target.partition("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            yield path


def broken_links(pages: Path) -> list[str]:
    """Return one line per link whose target is not a file below ``pages``."""
    return [
        f"{page.relative_to(pages)}: no file at {link}"
        for page in sorted(pages.rglob("*.md"))
        for link in links_of(page)
        if not (page.parent / link).resolve().is_relative_to(pages.resolve())
        or not (page.parent / link).is_file()
    ]


def loaded_from_network(site: Path) -> list[str]:
    """Return one line per script, style or image that a built page loads from the network."""
    return [
        f"{page.relative_to(site)}: loads {address}"
        for page in sorted(site.rglob("*.html"))
        for address in _LOADED.findall(page.read_text(encoding="utf-8"))
    ]
