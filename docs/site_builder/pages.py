"""Markdown elements of the generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by docs/site_builder; do not edit. -->"


class UndocumentedError(ValueError):
    """A declaration in the code has no text, or a text has no declaration."""


def page(title: str, *blocks: str) -> str:
    """Return a page of a title and blocks, separated by empty lines."""
    return "\n\n".join([NOTE, f"# {title}", *(block for block in blocks if block)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def code(text: object) -> str:
    """Return text as inline code; an empty text becomes the word ``empty``."""
    return f"`{text}`" if str(text) else "empty"


def sentence(text: str) -> str:
    """Return text as a sentence: capitalised, unless it starts with a name, with a full stop."""
    first, _, rest = " ".join(text.split()).partition(" ")
    if "_" not in first:
        first = first[:1].upper() + first[1:]
    return f"{first} {rest}".strip().rstrip(".") + "." if first else ""


def refuse(complaints: Sequence[str]) -> None:
    """Raise an error if there are complaints.

    Raises:
        UndocumentedError: There are complaints; the message has one per line.
    """
    if complaints:
        raise UndocumentedError("\n".join(complaints))
