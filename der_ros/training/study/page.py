"""Generated parts of the results page, from the records; the rest of it is written by hand."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.training.study.cells import NOTHING, TASK_TITLES
from der_ros.training.study.design import COMPARED, STUDIES
from der_ros.training.study.knob_map import compared_seeds, draw_knobs, knob_table
from der_ros.training.study.panels import draw_answer, draw_panels
from der_ros.training.study.policy_table import policy_table
from der_ros.training.study.run_record import RunRecord, read_record
from der_ros.training.study.study_answers import answer, first_successes, summary
from der_ros.training.study.tables import (
    arm_table,
    cost_table,
    measure_table,
    missing_table,
    verdict_table,
)
from der_ros.whole_files import write_whole

PICTURES = "pictures"
"""Folder of the pictures, next to the page."""

ANSWER_PICTURE = "results.png"
KNOB_PICTURE = "results_knobs.png"

_Part = Callable[[Sequence[RunRecord]], str]
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
    **{f"measures {study}": functools.partial(arm_table, study) for study in ("peers", "shots")},
    **{
        f"first success {study}": functools.partial(first_successes, study)
        for study in ("paper", "shots")
    },
    "summary": summary,
    "verdicts paper": functools.partial(verdict_table, "paper"),
    "knobs": lambda records: f"{knob_table(records)}{_knob_picture(records)}",
    "policies": lambda _: policy_table(),
    "runs": cost_table,
    "missing": missing_table,
}
"""Functions that return the text between ``<!-- made: NAME -->`` and ``<!-- end -->``, by name."""

_BLOCK = re.compile(r"(<!-- made: (?P<name>[a-z0-9 ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def all_records(results: Path) -> list[RunRecord]:
    """Read all records of all studies below the folder of results, sorted by path.

    Raises:
        ConfigurationError: A record cannot be read or is not valid, or two runs of a task have
            different budgets.
    """
    paths = (path for study in STUDIES for path in (results / study).rglob("*.json"))
    records = {path: read_record(path) for path in sorted(paths)}
    budgets: dict[tuple[str, str], int] = {}
    for path, record in records.items():
        run = record.run
        budget = budgets.setdefault((run.study, run.task), run.env_steps)
        if run.env_steps != budget:
            raise ConfigurationError(
                f"{path}: expected a budget of {budget} steps like the other runs of the task, got "
                f"{run.env_steps}; keep runs of different budgets in different folders"
            )
    return list(records.values())


def made_page(text: str, records: Sequence[RunRecord]) -> str:
    """Return the page with its generated parts made anew from the records.

    Raises:
        ConfigurationError: The page marks a part with an unknown name.
    """

    def replaced(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in PARTS:
            raise ConfigurationError(
                f"page of results: expected parts of {', '.join(PARTS)}, got {name!r}"
            )
        return f"{block[1]}\n{PARTS[name](records)}\n\n{block[3]}"

    return _BLOCK.sub(replaced, text)


def pictures(study: str, records: Sequence[RunRecord]) -> str:
    """Return the links to a study's pictures, one for each task with a finished run."""
    drawn = {record.run.task for record in records if record.run.study == study}
    links = [
        f"![Success and reward, {TASK_TITLES[task]}]({PICTURES}/{picture_name(study, task)})"
        for task in STUDIES[study].budgets
        if task in drawn
    ]
    return "\n\n".join(links) or NOTHING


def picture_name(study: str, task: str) -> str:
    """Return the file name of the picture of a study's task."""
    return f"results_{study}_{task}.png"


def _knob_picture(records: Sequence[RunRecord]) -> str:
    if not compared_seeds(records):
        return ""
    return f"\n\n![Success by interval and zone]({PICTURES}/{KNOB_PICTURE})"


def write_page(records: Sequence[RunRecord], page: Path, template: Path) -> list[Path]:
    """Update the generated parts of a page, draw the pictures, and return the written files.

    Args:
        records: Records of all finished runs.
        page: Markdown file with marked parts.
        template: Page whose text a missing ``page`` starts with.

    Raises:
        ConfigurationError: Neither page can be read, the page marks an unknown part, or a file
            cannot be written.
    """
    folder = page.parent / PICTURES
    try:
        text = (page if page.exists() else template).read_text(encoding="utf-8")
        folder.mkdir(exist_ok=True)
        write_whole(page, made_page(text, records))
    except OSError as error:
        raise ConfigurationError(
            f"{page}: expected a page that can be written, made from {template} if it is missing "
            f"({error.filename}: {error.strerror})"
        ) from error
    drawn = [
        folder / picture_name(study, task)
        for study in COMPARED
        for task in STUDIES[study].budgets
        if draw_panels(study, task, records, folder / picture_name(study, task))
    ]
    for name, draw in ((ANSWER_PICTURE, draw_answer), (KNOB_PICTURE, draw_knobs)):
        if draw(records, folder / name):
            drawn.append(folder / name)
    return [page, *drawn]
