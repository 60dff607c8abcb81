"""The studies, the runs that each of them consists of, and the settings of each run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from der_ros.errors import ConfigurationError
from der_ros.training.config import TrainingConfig, load_config
from der_ros.training.study.arms import (
    ARMS,
    BY_PRIORITY,
    DER_OFF,
    DER_ON,
    KNOBS,
    OWN_PEERS,
    PEERS,
    Peer,
)

DEMONSTRATIONS = 6  # the paper's number
TASKS = ("lap_joint", "peg_in_hole")
"""Tasks of the paper."""
CART_POLE = "cart_pole"
TASK_SETTINGS: Mapping[str, Mapping[str, object]] = {
    **{task: {"task": task} for task in TASKS},
    CART_POLE: {"env": "CartPole-v1"},
}
"""Settings of the configuration for each task that a study can have."""

# One process on one core, the whole budget, and one evaluation: that of the last policy.
_EVERY_RUN: Mapping[str, object] = {
    "workers": 0,
    "torch_threads": 1,
    "target_success": 2.0,
    "evaluation_threshold": 2.0,
    "evaluation_episodes": 100,
}


@dataclass(frozen=True)
class Study:
    """Runs of one preset that are compared with each other.

    Attributes:
        name: Name of its folder of records.
        preset: The training preset.
        budgets: Environment steps of a run, by task; the same for all runs of the task.
        structures: Replay structures, with the number of seeds that is planned for each arm.
        arms: Names in ``ARMS``; the first is compared with each of the others.
        settings: Further settings of all runs.
    """

    name: str
    preset: str
    budgets: Mapping[str, int]
    structures: Mapping[str, int]
    arms: Sequence[str]
    settings: Mapping[str, object]


STUDIES = {
    study.name: study
    for study in (
        Study(
            "paper",
            "paper",
            {"lap_joint": 250_000, "peg_in_hole": 500_000},
            {"no_demos": 24, "one_shot_in_all": 5, "all_shots_in_all": 5, "one_shot_each": 5},
            (DER_ON, DER_OFF),
            # The ratio that a learner beside five workers reaches. Without a fixed ratio it
            # would depend on the machine's load.
            {"updates_per_step": 0.04},
        ),
        Study(
            "fast",
            "fast",
            {"lap_joint": 60_000, "peg_in_hole": 60_000},
            {"no_demos": 12},
            (DER_ON, DER_OFF, BY_PRIORITY),
            {},
        ),
        Study(
            "peers",
            "fast",
            {"lap_joint": 60_000, "peg_in_hole": 60_000},
            {"no_demos": 5},
            (DER_ON, *OWN_PEERS, *PEERS),
            {},
        ),
        # What one and six demonstrations do, with DER on.
        Study(
            "shots",
            "fast",
            {"lap_joint": 60_000, "peg_in_hole": 60_000},
            {"no_demos": 3, "one_shot_in_all": 3, "all_shots_in_all": 3},
            (DER_ON,),
            {},
        ),
        # Half the clearance and a higher start: exploration succeeds more rarely.
        Study(
            "rare",
            "fast",
            {"lap_joint": 100_000},
            {"no_demos": 8},
            (DER_ON, DER_OFF),
            {"env_options": {"start_height_m": 0.06}, "clearance_m": 0.0005},
        ),
        Study(
            "knobs",
            "paper",
            {"lap_joint": 250_000},
            {"no_demos": 3},
            (DER_ON, DER_OFF, *KNOBS),
            {"updates_per_step": 0.04},
        ),
        *(
            Study(
                algorithm,
                "paper",
                {"lap_joint": 250_000},
                {"no_demos": 3},
                (DER_ON, DER_OFF),
                {"updates_per_step": 0.04, "algorithm": algorithm},
            )
            for algorithm in ("td3", "sac")
        ),
        Study(
            "dqn",
            "gym",
            {CART_POLE: 30_000},
            {"no_demos": 12},
            (DER_ON, DER_OFF),
            {"algorithm": "dqn"},
        ),
    )
}
COMPARED = tuple(name for name in STUDIES if name != "knobs")
"""Studies that compare arms; ``knobs`` repeats a cell of ``paper`` and has a map instead."""


class StudyRun(NamedTuple):
    """One training run of a study."""

    study: str
    task: str
    structure: str
    arm: str
    seed: int
    env_steps: int

    @property
    def cell(self) -> str:
        """Name of the task and structure, ``lap_joint/no_demos``."""
        return f"{self.task}/{self.structure}"

    @property
    def name(self) -> str:
        """Path of the record below the folder of results, without its suffix."""
        return f"{self.study}/{self.task}/{self.structure}-{self.arm}-{self.seed:02d}"

    @property
    def peer(self) -> Peer | None:
        """Learner of Stable-Baselines3 that the arm uses; None for a learner of this package."""
        return PEERS.get(self.arm)

    @property
    def needs_demonstrations(self) -> bool:
        """True if the replay starts with demonstrations."""
        return bool(self.settings()["replay_structure"] != "no_demos")

    def settings(self) -> dict[str, Any]:
        """Return all settings that differ from the preset's."""
        return {
            **STUDIES[self.study].settings,
            **_EVERY_RUN,
            **TASK_SETTINGS[self.task],
            "replay_structure": self.structure,
            **ARMS[self.arm],
            "seed": self.seed,
            "max_env_steps": self.env_steps,
        }

    def config(self, demos: str = "") -> TrainingConfig:
        """Return the run's configuration.

        Args:
            demos: Folder of the demonstrations; needed if ``needs_demonstrations``.
        """
        return load_config(STUDIES[self.study].preset, {**self.settings(), "demos": demos})


def study_runs(
    study: str,
    seeds: Sequence[int],
    tasks: Sequence[str] = (),
    structures: Sequence[str] = (),
    env_steps: int | None = None,
) -> Iterator[StudyRun]:
    """Yield the runs of a study, seed by seed, so that an interrupted study has whole seeds.

    Args:
        study: A name in ``STUDIES``.
        seeds: Seeds of the runs, the same for all arms of a cell.
        tasks: Tasks to run; empty for all tasks of the study.
        structures: Replay structures to run; empty for all of the study.
        env_steps: Budget of each run in environment steps; None for the study's budgets.

    Raises:
        ConfigurationError: The study is unknown, or does not have a task or structure.
    """
    chosen = STUDIES[_known("study", study, STUDIES)]
    for task in tasks:
        _known("task", task, chosen.budgets)
    for structure in structures:
        _known("replay structure", structure, chosen.structures)
    for seed in seeds:
        for task in tasks or chosen.budgets:
            for structure in structures or chosen.structures:
                for arm in chosen.arms:
                    budget = chosen.budgets[task] if env_steps is None else env_steps
                    yield StudyRun(study, task, structure, arm, seed, budget)


def _known(what: str, name: str, names: Collection[str]) -> str:
    if name not in names:
        raise ConfigurationError(f"{what}: expected one of {', '.join(names)}, got {name!r}")
    return name
