"""Tables and answers of a study, as Markdown made from its records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from der_ros.training.study.arms import (
    BY_PRIORITY,
    DER_OFF,
    DER_ON,
    PEERS,
    PLAIN_TD3,
    RLPD_SAC,
    Peer,
)
from der_ros.training.study.design import CART_POLE, STUDIES
from der_ros.training.study.measures import (
    MEASURES,
    PRIMARY,
    Comparison,
    RunPair,
    compare,
    counted_value,
    pairs_of,
)
from der_ros.training.study.resampling import bootstrap_interval
from der_ros.training.study.run_record import RunRecord
from der_ros.training.study.verdict import CLAIMS, effect, verdict


def _layers(peer: Peer) -> str:
    return "-".join(map(str, peer.hidden)) or "its own networks"


ARM_TITLES = {
    DER_ON: "DER on",
    DER_OFF: "DER off",
    BY_PRIORITY: "DER on, no fixed share",
    PLAIN_TD3: "plain TD3",
    RLPD_SAC: "SAC, RLPD's batches",
    **{name: f"SB3 {peer.algorithm}, {_layers(peer)}" for name, peer in PEERS.items()},
}
TASK_TITLES = {"lap_joint": "lap joint", "peg_in_hole": "peg in hole", CART_POLE: "cart and pole"}
STRUCTURE_TITLES = {
    "no_demos": "no demonstrations",
    "one_shot_in_all": "one shot in all",
    "all_shots_in_all": "all shots in all",
    "one_shot_each": "one shot each",
}
NOTHING = "No run of this study is finished yet."


class Cell(NamedTuple):
    """Two arms of a task and replay structure, paired by seed."""

    study: str
    task: str
    structure: str
    arms: tuple[str, str]
    pairs: list[RunPair]

    @property
    def title(self) -> str:
        """Task and structure in words."""
        return f"{TASK_TITLES[self.task]}, {STRUCTURE_TITLES[self.structure]}"


def cells(study: str, records: Sequence[RunRecord]) -> Iterator[Cell]:
    """Yield the cells of a study with at least one pair: the first arm against each other arm."""
    design = STUDIES[study]
    for task in design.budgets:
        for structure in design.structures:
            by_arm: dict[str, list[RunRecord]] = {arm: [] for arm in design.arms}
            for record in records:
                run = record.run
                if (run.study, run.task, run.structure) == (study, task, structure):
                    by_arm[run.arm].append(record)
            first, *others = design.arms
            for other in others:
                pairs = pairs_of(by_arm[first], by_arm[other])
                if pairs:
                    yield Cell(study, task, structure, (first, other), pairs)


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
            f"| {cell.title} | {compared.pairs} | {_both(compared)} | {_difference(compared)} "
            f"| {compared.p:.2g} | {claim.text} | {verdict(claim, compared)} |"
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
                f"| {first}: {_one(compared, 0)} | {second}: {_one(compared, 1)} "
                f"| {_difference(compared)} | {compared.p:.2g} |"
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
                f"| {_steps_to_half(runs)} | {_median(runs, 'cpu_minutes'):.1f} |"
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
        key = (record.run.study, record.run.task, str(record.data["commit"])[:10], where)
        groups.setdefault(key, []).append(record)
    for (study, task, commit, where), group in sorted(groups.items()):
        rows.append(
            f"| {study} | {TASK_TITLES[task]} | {len(group)} | {_median(group, 'env_steps'):,.0f} "
            f"| {_median(group, 'updates'):,.0f} | {_median(group, 'cpu_minutes'):.1f} "
            f"| {_dates(group)} | `{commit}` | {where} |"
        )
    return "\n".join(rows) if records else NOTHING


def answer(study: str, records: Sequence[RunRecord]) -> str:
    """Return the answer for each cell without demonstrations: DER on against DER off."""
    sentences = []
    for cell in cells(study, records):
        if cell.structure != "no_demos" or cell.arms != (DER_ON, DER_OFF):
            continue
        sentences.append(_answer(cell))
    return "\n\n".join(sentences) if sentences else NOTHING


def _answer(cell: Cell) -> str:
    compared, final = compare(PRIMARY, cell.pairs), compare("final", cell.pairs)
    seeds = "1 seed" if compared.pairs == 1 else f"{compared.pairs} seeds"
    title = TASK_TITLES[cell.task].capitalize()
    return "\n".join(
        (
            f"{title}, preset `{STUDIES[cell.study].preset}`, {seeds} an arm. DER helps: "
            f"**{effect(compared)}**.",
            "",
            f"* Success averaged over the training, DER on / off: {_both(compared)}, difference "
            f"{_difference(compared)}.",
            f"* Success of the last policy: {_both(final)}, difference {_difference(final)}.",
        )
    )


def _start(record: RunRecord) -> str:
    """Return the title of the replay structure, which an arm may have changed."""
    return STRUCTURE_TITLES[record.run.settings()["replay_structure"]]


def _mean_percent(measure: str, runs: Sequence[RunRecord]) -> str:
    return f"{100.0 * np.mean([counted_value(measure, run) for run in runs]):.1f} %"


def _mean_and_interval(runs: Sequence[RunRecord]) -> str:
    mean = _mean_percent("final", runs)
    interval = bootstrap_interval(100.0 * np.array([run.final_success for run in runs]))
    return f"{mean} ({interval.low:.1f} to {interval.high:.1f} %)" if interval else mean


def _steps_to_half(runs: Sequence[RunRecord]) -> str:
    never = sum(MEASURES["50 %"].value(run) is None for run in runs)
    mean = np.mean([counted_value("50 %", run) for run in runs]) / 1000.0
    return _told(f"{mean:.1f} k", never)


def _both(compared: Comparison) -> str:
    return " / ".join(_value(compared, value) for value in compared.means)


def _one(compared: Comparison, arm: int) -> str:
    return _told(_value(compared, compared.means[arm]), compared.pairs - compared.reached[arm])


def _told(text: str, never: int) -> str:
    """Return a mean's text with the number of runs that never reached the measure."""
    return f"{text} ({never} never)" if never else text


def _difference(compared: Comparison) -> str:
    text = _value(compared, compared.difference, "+")
    if compared.interval is None:
        return f"{text}, no interval"
    low, high = (_value(compared, end, "+") for end in compared.interval)
    return f"{text} ({low} to {high})"


def _value(compared: Comparison, value: float, sign: str = "") -> str:
    """Return a share in percent, or steps in thousands, as text."""
    if MEASURES[compared.measure].is_steps:
        return f"{value / 1000.0:{sign}.1f} k"
    return f"{100.0 * value:{sign}.1f} %"


def _median(group: Sequence[RunRecord], key: str) -> float:
    values = sorted(float(record.data[key]) for record in group)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2.0


def _dates(group: Sequence[RunRecord]) -> str:
    dates = sorted({str(record.data["date"]) for record in group})
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
