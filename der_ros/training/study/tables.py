"""Tables of a study, as Markdown made from its records."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from der_ros.training.study.cells import (
    ARM_TITLES,
    NOTHING,
    STRUCTURE_TITLES,
    TASK_TITLES,
    cells,
)
from der_ros.training.study.comparison_text import (
    arm_text,
    both_text,
    difference_text,
    steps_text,
)
from der_ros.training.study.design import STUDIES, study_runs
from der_ros.training.study.measures import MEASURES, PRIMARY, compare, counted_value
from der_ros.training.study.resampling import bootstrap_interval
from der_ros.training.study.run_record import RunRecord
from der_ros.training.study.verdict import CLAIMS, verdict


def verdict_table(study: str, records: Sequence[RunRecord]) -> str:
    """Return a table with one line per cell: difference, the paper's claim and the verdict."""
    rows = [
        "| cell | seeds | mean success, on / off | on less off, 95 % interval | p | paper "
        "| verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    study_cells = list(cells(study, records))
    for cell in study_cells:
        compared, claim = compare(PRIMARY, cell.pairs), CLAIMS[f"{cell.task}/{cell.structure}"]
        rows.append(
            f"| {cell.title} | {compared.pairs} | {both_text(compared)} "
            f"| {difference_text(compared)} | {compared.p:.2g} | {claim.text} "
            f"| {verdict(claim, compared)} |"
        )
    return "\n".join(rows) if study_cells else NOTHING


def measure_table(study: str, records: Sequence[RunRecord]) -> str:
    """Return a table with one line per cell, pair of arms and measure."""
    rows = [
        "| cell | seeds | measure | first arm | second arm | difference, 95 % interval | p |",
        "|---|---|---|---|---|---|---|",
    ]
    study_cells = list(cells(study, records))
    for cell in study_cells:
        first, second = (ARM_TITLES[arm] for arm in cell.arms)
        for name, measure in MEASURES.items():
            compared = compare(name, cell.pairs)
            rows.append(
                f"| {cell.title} | {compared.pairs} | {measure.title} "
                f"| {first}: {arm_text(compared, 0)} | {second}: {arm_text(compared, 1)} "
                f"| {difference_text(compared)} | {compared.p:.2g} |"
            )
    return "\n".join(rows) if study_cells else NOTHING


def arm_table(study: str, records: Sequence[RunRecord]) -> str:
    """Return a table with one line per task, structure and arm, over all of the arm's seeds."""
    rows = [
        "| task | replay starts with | learner | seeds | last policy, 95 % interval "
        "| mean over the training | steps to 50 % | CPU minutes, median |",
        "|---|---|---|---|---|---|---|---|",
    ]
    design = STUDIES[study]
    for task, structure, arm in itertools.product(design.budgets, design.structures, design.arms):
        runs = [r for r in records if r.run[:4] == (study, task, structure, arm)]
        if runs:
            rows.append(
                f"| {TASK_TITLES[task]} | {_start(runs[0])} | {ARM_TITLES[arm]} | {len(runs)} "
                f"| {_mean_and_interval(runs)} | {_mean_percent(PRIMARY, runs)} "
                f"| {steps_text('50 %', runs)} | {_median(runs, 'cpu_minutes'):.1f} |"
            )
    return "\n".join(rows) if len(rows) > 2 else NOTHING


def cost_table(records: Sequence[RunRecord]) -> str:
    """Return a table of runs and their cost, one line per study, task, commit and machine."""
    rows = [
        "| study | task | runs | steps | updates | CPU minutes, median | date | commit | machine |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        machine = record.data["machine"]
        where = f"{machine.get('processor', '?')}, {machine.get('cores', '?')} cores"
        key = (record.run.study, record.run.task, _short(str(record.data["commit"])), where)
        groups.setdefault(key, []).append(record)
    for (study, task, commit, where), group in sorted(groups.items()):
        rows.append(
            f"| {study} | {TASK_TITLES[task]} | {len(group)} | {_median(group, 'env_steps'):,.0f} "
            f"| {_median(group, 'updates'):,.0f} | {_median(group, 'cpu_minutes'):.1f} "
            f"| {_dates(group)} | `{commit}` | {where} |"
        )
    return "\n".join(rows) if records else NOTHING


def missing_table(records: Sequence[RunRecord]) -> str:
    """Return a table of the cells whose planned runs are not all finished, and how to go on."""
    rows = ["| finished | planned | options |", "|---|---|---|"]
    finished = {record.run for record in records}
    for study in STUDIES.values():
        for task, (structure, seeds) in itertools.product(study.budgets, study.structures.items()):
            planned = set(study_runs(study.name, range(seeds), [task], [structure]))
            if planned - finished:
                rows.append(
                    f"| {len(planned & finished)} | {len(planned)} "
                    f"| `--study {study.name} --task {task} --structure {structure} "
                    f"--seeds {seeds}` |"
                )
    return "\n".join(rows) if len(rows) > 2 else "No planned run is missing."


def _start(record: RunRecord) -> str:
    """Return the title of the replay structure, which an arm may have changed."""
    return STRUCTURE_TITLES[record.run.settings()["replay_structure"]]


def _mean_percent(measure: str, runs: Sequence[RunRecord]) -> str:
    return f"{100.0 * np.mean([counted_value(measure, run) for run in runs]):.1f} %"


def _mean_and_interval(runs: Sequence[RunRecord]) -> str:
    mean = _mean_percent("final", runs)
    interval = bootstrap_interval(100.0 * np.array([run.final_success for run in runs]))
    return f"{mean} ({interval.low:.1f} to {interval.high:.1f} %)" if interval else mean


def _short(commit: str) -> str:
    """Return ten digits of a commit, with its ``-dirty``."""
    digits, dash, dirty = commit.partition("-")
    return f"{digits[:10]}{dash}{dirty}"


def _median(group: Sequence[RunRecord], key: str) -> float:
    values = sorted(float(record.data[key]) for record in group)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2.0


def _dates(group: Sequence[RunRecord]) -> str:
    dates = sorted({str(record.data["date"]) for record in group})
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
