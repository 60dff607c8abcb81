"""The cells of a study, each two arms paired by seed, and the titles of their parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
from der_ros.training.study.measures import RunPair, pairs_of
from der_ros.training.study.run_record import RunRecord


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
