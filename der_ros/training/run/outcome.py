"""Why a run ended and what it came to."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple


class End(Enum):
    """Why a run ended."""

    SOLVED = "reached the target success rate"
    TIME = "spent its minutes"
    STEPS = "spent its environment steps"
    STOPPED = "was stopped"


class Outcome(NamedTuple):
    """What a run came to."""

    end: End
    env_steps: int
    updates: int
    minutes: float
    success_rate: float | None  # of the exported policy over the evaluation's episodes
    mean_return: float | None  # of the same episodes, undiscounted
    evaluation_episodes: int
    policy_path: Path | None
    run_dir: Path
