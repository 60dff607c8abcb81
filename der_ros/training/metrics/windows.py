"""Averages for the metrics: over the latest episodes, and time per stage of the loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from der_ros.training.engine.interface import EpisodeSummary, Report

SUCCESS_RATE, EPISODE_RETURN = "rollout/success_rate", "rollout/episode_return"
WINDOW_EPISODES = 100
GREEDY_WINDOW_EPISODES = 20

_LEARNER_STAGES = ("receive", "sample", "update")


class StageTimes:
    """Seconds and counts of each stage since the last ``metrics`` call."""

    def __init__(self) -> None:
        self._start_over()

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time the ``with`` body as one run of ``stage``: receive, sample or update."""
        started = time.perf_counter()
        yield
        self._seconds[stage] += time.perf_counter() - started
        self._counts[stage] += 1

    def acted(self, report: Report) -> None:
        """Add a worker's steps and their wall-clock time."""
        self._acting_s += report.acting_s
        self._steps += report.env_steps

    def metrics(self) -> dict[str, float]:
        """Return each stage's rate and share of the learner's time, and reset the counts."""
        passed = max(1e-9, time.perf_counter() - self._since)
        result = {f"time/{name}_share": s / passed for name, s in self._seconds.items()}
        for name in ("sample", "update"):
            if self._counts[name]:
                result[f"time/{name}_batches_per_s"] = self._counts[name] / self._seconds[name]
        if self._acting_s:
            result["time/rollout_steps_per_s"] = self._steps / self._acting_s
        self._start_over()
        return result

    def _start_over(self) -> None:
        self._since = time.perf_counter()
        self._seconds = dict.fromkeys(_LEARNER_STAGES, 0.0)
        self._counts = dict.fromkeys(_LEARNER_STAGES, 0)
        self._acting_s, self._steps = 0.0, 0


class EpisodeWindow:
    """Window of the latest finished episodes of all rollout workers."""

    def __init__(self) -> None:
        self._all: deque[EpisodeSummary] = deque(maxlen=WINDOW_EPISODES)
        self._greedy: deque[bool] = deque(maxlen=GREEDY_WINDOW_EPISODES)
        self.episodes = 0

    def add(self, episode: EpisodeSummary) -> None:
        """Add an episode; greedy ones count in both averages."""
        self.episodes += 1
        self._all.append(episode)
        if episode.greedy:
            self._greedy.append(episode.success)

    def metrics(self) -> dict[str, float]:
        """Return the means over the window by name; omit those without episodes."""
        result = {"rollout/episodes": float(self.episodes)}
        if self._all:
            count = len(self._all)
            result[SUCCESS_RATE] = sum(e.success for e in self._all) / count
            result[EPISODE_RETURN] = sum(e.episode_return for e in self._all) / count
            result["rollout/episode_length"] = sum(e.steps for e in self._all) / count
        if self._greedy:
            result["rollout/greedy_success_rate"] = sum(self._greedy) / len(self._greedy)
        return result

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as plain data."""
        return {"all": list(self._all), "greedy": list(self._greedy), "episodes": self.episodes}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._all.extend(EpisodeSummary(*values) for values in state["all"])
        self._greedy.extend(state["greedy"])
        self.episodes = int(state["episodes"])

    def greedy_success_rate(self) -> float:
        """Return the success rate of the latest noise-free episodes, 0 until the window is full."""
        full = len(self._greedy) == GREEDY_WINDOW_EPISODES
        return sum(self._greedy) / len(self._greedy) if full else 0.0
