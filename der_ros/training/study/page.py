"""The parts of the page of results that are made of the records; the rest is written by hand."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.training.study.design import STUDIES
from der_ros.training.study.knob_map import draw_knobs, knob_table
from der_ros.training.study.panels import draw_panels
from der_ros.training.study.run_record import RunRecord, read_record
from der_ros.training.study.tables import (
    NOTHING,
    TASK_TITLES,
    answer,
    cost_table,
    measure_table,
    verdict_table,
)

PICTURES = "pictures"
"""Folder of the pictures, beside the page."""

KNOB_PICTURE = "results_knobs.png"

_Part = Callable[[Sequence[RunRecord]], str]
COMPARED = tuple(name for name in STUDIES if name != "knobs")
"""Studies whose arms are compared in pairs; that of the knobs has a table of its own."""
_OF_EACH: Mapping[str, Callable[[str, Sequence[RunRecord]], str]] = {
    "pictures": lambda study, records: pictures(study, records),
    "measures": measure_table,
}
PARTS: Mapping[str, _Part] = {
    **{
        f"{kind} {study}": functools.partial(make, study)
        for kind, make in _OF_EACH.items()
        for study in COMPARED
    },
    **{f"answer {study}": functools.partial(answer, study) for study in ("paper", "fast", "rare")},
    "verdicts paper": functools.partial(verdict_table, "paper"),
    "knobs": lambda records: f"{knob_table(records)}{_knob_picture(records)}",
    "runs": cost_table,
}
"""Makers of the text between ``<!-- made: NAME -->`` and ``<!-- end -->``, by name."""

_BLOCK = re.compile(r"(<!-- made: (?P<name>[a-z0-9 ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def all_records(results: Path) -> list[RunRecord]:
    """Read every record of every study below the folder of results, in order of their names.

    Raises:
        ConfigurationError: One of them is wrong.
    """
    paths = (path for study in STUDIES for path in (results / study).rglob("*.json"))
    return [read_record(path) for path in sorted(paths)]


def made_page(text: str, records: Sequence[RunRecord]) -> str:
    """Return the page with each made part as the records have it now.

    Raises:
        ConfigurationError: It asks for a part that there is none of.
    """

    def made(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in PARTS:
            raise ConfigurationError(
                f"page of results: expected parts of {', '.join(PARTS)}, got {name!r}"
            )
        return f"{block[1]}\n{PARTS[name](records)}\n\n{block[3]}"

    return _BLOCK.sub(made, text)


def pictures(study: str, records: Sequence[RunRecord]) -> str:
    """Return the links to a study's pictures, of the tasks with finished runs."""
    drawn = {record.run.task for record in records if record.run.study == study}
    links = [
        f"![Success and reward, {TASK_TITLES[task]}]({PICTURES}/{picture_name(study, task)})"
        for task in STUDIES[study].budgets
        if task in drawn
    ]
    return "\n\n".join(links) or NOTHING


def picture_name(study: str, task: str) -> str:
    """Return the file name of a task's picture."""
    return f"results_{study}_{task}.png"


def _knob_picture(records: Sequence[RunRecord]) -> str:
    if not any(record.run.study == "knobs" for record in records):
        return ""
    return f"\n\n![Success by interval and zone]({PICTURES}/{KNOB_PICTURE})"


def write_page(records: Sequence[RunRecord], page: Path) -> list[Path]:
    """Renew the made parts of a page and draw the pictures; return the files written.

    Args:
        records: Records of all finished runs.
        page: Markdown with marked parts; it must exist.

    Raises:
        ConfigurationError: There is no such page, or a file cannot be written.
    """
    folder = page.parent / PICTURES
    try:
        text = page.read_text(encoding="utf-8")
        folder.mkdir(exist_ok=True)
        page.write_text(made_page(text, records), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{page}: expected a page that can be read and written ({error.strerror})"
        ) from error
    drawn = [
        folder / picture_name(study, task)
        for study in COMPARED
        for task in STUDIES[study].budgets
        if draw_panels(study, task, records, folder / picture_name(study, task))
    ]
    if draw_knobs(records, folder / KNOB_PICTURE):
        drawn.append(folder / KNOB_PICTURE)
    return [page, *drawn]
