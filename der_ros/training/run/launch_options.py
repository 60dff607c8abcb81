"""Options of a run that a command line, the node ``sim_trainer`` and its launch file offer."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import Setting, setting, settings_of
from der_ros.training.config import TrainingConfig


@dataclass(frozen=True)
class RunOptions:
    """Options of a command line or launch file beside the run's configuration."""

    preset: str = setting(
        "fast",
        "Hyper-parameters: fast (two cores), paper, gym (with env), wide (widest randomisation of "
        "the cell), or a .yaml file",
    )
    run_dir: str = setting("", "Run folder; empty: runs/train_<task>_<time>")
    resume: str = setting("", "Run folder or checkpoint to go on from")


FROM_PRESET = "preset"
"""Value of ``algorithm`` of a node or launch file that leaves the preset's own."""

LAUNCHED = (
    "task",
    "algorithm",
    "replay_structure",
    "der",
    "demos",
    "engine",
    "ray_address",
    "workers",
    "seed",
    "max_minutes",
    "max_env_steps",
)


def launched_settings() -> tuple[Setting, ...]:
    """Return the settings of a run that the node ``sim_trainer`` and its launch file offer."""
    return tuple(
        each._replace(
            default=FROM_PRESET,
            text="Learner; preset: the preset's own (td3 in fast, ddpg in paper)",
            choices=(FROM_PRESET, *each.choices),
        )
        if each.name == "algorithm"
        else each
        for each in settings_of(TrainingConfig)
        if each.name in LAUNCHED
    )
