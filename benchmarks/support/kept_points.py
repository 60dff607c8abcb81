"""Measured points in a file of JSON lines, so that a stopped benchmark can continue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, TypeVar

Figures = dict[str, float]
P = TypeVar("P", bound=NamedTuple)


def kept_points(path: Path | None, kind: type[P]) -> dict[P, Figures]:
    """Return the points of a file with their figures; none if there is no file.

    Args:
        path: File of JSON lines.
        kind: NamedTuple of what identifies a point. A field that an older line lacks has its
            default.
    """
    if path is None or not path.exists():
        return {}
    found = {}
    for line in path.read_text().splitlines():
        fields = json.loads(line)
        figures = fields.pop("figures")
        found[kind(**fields)] = figures
    return found


def keep_point(path: Path | None, point: NamedTuple, figures: Figures) -> None:
    """Append a point with its figures to a file; do nothing without a file."""
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps({**point._asdict(), "figures": figures}) + "\n")
