"""Markdown pieces that the generated pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by docs/site_builder; do not edit. -->"


class UndocumentedError(ValueError):
    """Something that the code declares has no text, or a text belongs to nothing."""


def page(title: str, *blocks: str) -> str:
    """Return a page: a title and blocks, with an empty line between any two."""
    return "\n\n".join([NOTE, f"# {title}", *(block for block in blocks if block)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def code(text: object) -> str:
    """Return text as code; an empty text is said in words."""
    return f"`{text}`" if str(text) else "empty"


def sentence(text: str) -> str:
    """Return a text that ends with a full stop and begins with a capital letter or a name."""
    first, _, rest = " ".join(text.split()).partition(" ")
    if "_" not in first:
        first = first[:1].upper() + first[1:]
    return f"{first} {rest}".strip().rstrip(".") + "." if first else ""


def refuse(complaints: Sequence[str]) -> None:
    """Raise if there are complaints.

    Raises:
        UndocumentedError: with all of them, one a line.
    """
    if complaints:
        raise UndocumentedError("\n".join(complaints))
