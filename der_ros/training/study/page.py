"""The parts of the page of results that are made of the records; the rest is written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.training.study.design import STUDIES
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

_Part = Callable[[Sequence[RunRecord]], str]
PARTS: Mapping[str, _Part] = {
    "answer paper": lambda records: answer("paper", records),
    "answer fast": lambda records: answer("fast", records),
    "pictures paper": lambda records: pictures("paper", records),
    "pictures fast": lambda records: pictures("fast", records),
    "verdicts paper": lambda records: verdict_table("paper", records),
    "measures paper": lambda records: measure_table("paper", records),
    "measures fast": lambda records: measure_table("fast", records),
    "measures peers": lambda records: measure_table("peers", records),
    "pictures peers": lambda records: pictures("peers", records),
    "runs": cost_table,
}
"""What stands between ``<!-- made: NAME -->`` and ``<!-- end -->``, by name."""

_BLOCK = re.compile(r"(<!-- made: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def all_records(results: Path) -> list[RunRecord]:
    """Read every record of every study below the folder of results, in order of their names.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    paths = (path for study in STUDIES for path in (results / study).rglob("*.json"))
    return [read_record(path) for path in sorted(paths)]


def made_page(text: str, records: Sequence[RunRecord]) -> str:
    """Return the page with each made part as the records have it now.

    Raises:
        ConfigurationError: it asks for a part that there is none of.
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


def write_page(records: Sequence[RunRecord], page: Path) -> list[Path]:
    """Renew the made parts of a page and draw the pictures; return the files written.

    Args:
        records: of all finished runs.
        page: Markdown with marked parts; it must exist.

    Raises:
        ConfigurationError: there is no such page, or a file cannot be written.
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
        for study, design in STUDIES.items()
        for task in design.budgets
        if draw_panels(study, task, records, folder / picture_name(study, task))
    ]
    return [page, *drawn]
