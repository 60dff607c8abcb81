"""Answers to the questions of the study in sentences, as Markdown made from its records."""

from __future__ import annotations

from collections.abc import Sequence

from der_ros.training.study.arms import BY_PRIORITY, DER_OFF, DER_ON
from der_ros.training.study.cells import (
    ARM_TITLES,
    NOTHING,
    STRUCTURE_TITLES,
    TASK_TITLES,
    Cell,
    cells,
)
from der_ros.training.study.comparison_text import (
    arm_text,
    both_text,
    difference_text,
    seeds_text,
    steps_text,
)
from der_ros.training.study.design import COMPARED, STUDIES
from der_ros.training.study.measures import PRIMARY, Comparison, compare, pairs_of
from der_ros.training.study.run_record import RunRecord
from der_ros.training.study.verdict import HURTS, TOO_FEW, YES, effect

_QUESTIONS = {DER_OFF: "DER helps", BY_PRIORITY: "The fixed share helps"}
"""Statement that DER on is compared for, by the arm that it is compared with."""


def answer(study: str, records: Sequence[RunRecord]) -> str:
    """Return the answer for each cell without demonstrations: the first arm against another."""
    sentences = [_answer(cell) for cell in cells(study, records) if cell.structure == "no_demos"]
    return "\n\n".join(sentences) if sentences else NOTHING


def _answer(cell: Cell) -> str:
    compared, final = compare(PRIMARY, cell.pairs), compare("final", cell.pairs)
    title = TASK_TITLES[cell.task].capitalize()
    arms = " / ".join(ARM_TITLES[arm] for arm in cell.arms)
    return "\n".join(
        (
            f"{title}, preset `{STUDIES[cell.study].preset}`, {seeds_text(compared.pairs)} an arm. "
            f"{_QUESTIONS[cell.arms[1]]}: **{effect(compared)}**.",
            "",
            f"* Mean success in training, {arms}: {both_text(compared)}, "
            f"difference {difference_text(compared)}.",
            f"* Success of the last policy: {both_text(final)}, "
            f"difference {difference_text(final)}.",
        )
    )


def summary(records: Sequence[RunRecord]) -> str:
    """Return in how many cells DER helps and hurts, of all in which it was switched on and off."""
    effects = [
        effect(compare(PRIMARY, cell.pairs))
        for study in COMPARED
        for cell in cells(study, records)
        if cell.arms == (DER_ON, DER_OFF)
    ]
    if not effects:
        return NOTHING
    return (
        f"Comparisons of DER on and off: it helps in {effects.count(YES)} of {len(effects)} and "
        f"hurts in {effects.count(HURTS)}; in {effects.count(TOO_FEW)} the seeds are too few to "
        "tell."
    )


def first_successes(study: str, records: Sequence[RunRecord]) -> str:
    """Return when the first success comes: with demonstrations, and without on the same seeds."""
    lines = []
    design = STUDIES[study]
    for task in design.budgets:
        runs = {
            structure: [r for r in records if r.run[:4] == (study, task, structure, DER_ON)]
            for structure in design.structures
        }
        without = runs.pop("no_demos")
        if without:
            mean = steps_text("first", without)
            title = TASK_TITLES[task].capitalize()
            lines.append(f"* {title}, no demonstrations, {seeds_text(len(without))}: {mean}.")
        for structure, group in runs.items():
            pairs = pairs_of(without, group)
            if pairs:
                lines.append(f"* {_sooner(STRUCTURE_TITLES[structure], compare('first', pairs))}")
    return "\n".join(lines) if lines else NOTHING


def _sooner(title: str, compared: Comparison) -> str:
    return (
        f"{title.capitalize()}, {seeds_text(compared.pairs)}: {arm_text(compared, 1)}; "
        f"the same seeds without: {arm_text(compared, 0)}.\n"
        f"  Sooner by {difference_text(compared)}, p = {compared.p:.2g}: **{effect(compared)}**."
    )
