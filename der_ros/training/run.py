"""A training run: learner loop, evaluation, checkpoints and export, in the caller's thread."""

from __future__ import annotations

import ctypes
import dataclasses
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import torch

from der_ros.errors import ConfigurationError
from der_ros.training.checkpoint import (
    checkpoint_path,
    drop_old_checkpoints,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from der_ros.training.config import TrainingConfig, make_config
from der_ros.training.environment import make_environment, policy_contract
from der_ros.training.evaluator import NO_EPISODES, TRAINING_EVALUATION_SEED, EvaluationReport
from der_ros.training.export import export_snapshot
from der_ros.training.learning import Learning, config_of
from der_ros.training.local_engine import InProcessRollouts, Rollouts, WorkerProcesses
from der_ros.training.messages import (
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    Message,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.metrics import (
    EpisodeWindow,
    MetricsWriter,
    plot_learning_curve,
    prepare_plotting,
)

logger = logging.getLogger(__name__)

_UPDATES_BEFORE_LOOKING = 4  # so that messages, pauses and stops never wait longer than ~0.1 s


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
    evaluation_episodes: int
    policy_path: Path | None
    run_dir: Path


class _Best(NamedTuple):
    """The best evaluated policy so far."""

    snapshot: PolicySnapshot
    report: EvaluationReport


class TrainingRun:
    """One run, from a configuration to a policy file.

    ``run`` works in the caller's thread until the target or the budget is reached. The other
    methods may be called from any thread, and from signal handlers.
    """

    def __init__(
        self,
        config: TrainingConfig,
        run_dir: Path,
        resume: Path | None = None,
        on_metrics: Callable[[dict[str, float]], None] | None = None,
    ) -> None:
        """Does nothing yet.

        Args:
            config: the run; of a resumed one, from ``resumed_config``.
            run_dir: the run folder, made if missing.
            resume: a checkpoint, or a run folder whose latest one is meant.
            on_metrics: told each line of metrics, in the thread of ``run``.
        """
        self.config, self.run_dir = config, run_dir
        self._resume, self._on_metrics = resume, on_metrics
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._checkpoint_wanted = threading.Event()
        self._export_wanted = threading.Event()
        self._done = threading.Condition()
        self._exported: Path | None = None

        self._episodes = EpisodeWindow()
        self._best: _Best | None = None
        self._request: EvaluationRequest | None = None
        self._report, self._parts_due = NO_EPISODES, 0
        self._evaluations = 0
        self._evaluated_at = 0
        self._elapsed_s = 0.0  # of this start, without pauses
        self._last_report = (0.0, 0, 0)  # elapsed, env steps, updates

    def stop(self) -> None:
        """Ends the run soon: checkpoint, export, and out."""
        self._stop.set()

    def pause(self) -> None:
        """Holds learning; workers wait when their pipes are full. Time in pauses is not counted."""
        self._paused.set()

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._paused.clear()

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return self._paused.is_set()

    def request_checkpoint(self) -> None:
        """Writes a checkpoint at the next opportunity, within about 0.1 s."""
        self._checkpoint_wanted.set()

    def request_export(self) -> None:
        """Exports the policy at the next opportunity."""
        self._export_wanted.set()

    def wait_for_requests(self, timeout_s: float) -> bool:
        """Waits until what was requested has been done; False if that took too long."""
        with self._done:
            return self._done.wait_for(self._nothing_wanted, timeout_s)

    def run(self) -> Outcome:
        """Trains.

        Raises:
            ConfigurationError: task, environment, demonstrations or run folder are not usable.
            CheckpointError: there is nothing to resume, or it does not fit.
        """
        _keep_freed_memory()
        torch.set_num_threads(self.config.torch_threads)
        self._prepare_run_dir()
        self._describe_environment()
        self.learning = Learning(self.config, self._observation_size, self._action_size)
        if self._resume is not None:
            self._load(latest_checkpoint(self._resume))
        # Before the first step: an export that cannot work is found now, not after the budget.
        self._export()
        with MetricsWriter(self.run_dir) as writer, self._rollouts() as rollouts:
            self._writer, self._engine = writer, rollouts
            prepare_plotting()  # while the workers start; at the end a launch waits 5 s only
            end = self._loop()
            if end in (End.TIME, End.STEPS):
                self._evaluate_at_the_end()
            self._save()
            self._export()
            self._write_metrics()
        plot_learning_curve(self.run_dir, f"{self._name} · {self.config.algorithm}")
        return self._outcome(end)

    def _loop(self) -> End:
        last = time.monotonic()
        saved_s = 0.0
        while (end := self._ended()) is None:
            now = time.monotonic()
            if self._paused.is_set():
                self._serve_requests()
                self._stop.wait(0.05)
                last = time.monotonic()
                continue
            self._elapsed_s, last = self._elapsed_s + now - last, now
            if not 0 < self.config.update_lag <= self.learning.due:
                self._take_in(self._engine.receive(0.0 if self.learning.due > 0 else 0.02))
            self.learning.update(_UPDATES_BEFORE_LOOKING if self.config.workers else None)
            self._evaluate_if_due()
            if self._elapsed_s - self._last_report[0] >= self.config.report_interval_s:
                self._write_metrics()
            if self._elapsed_s - saved_s >= self.config.checkpoint_interval_s:
                saved_s = self._elapsed_s
                self._checkpoint_wanted.set()
            self._serve_requests()
        return end

    def _ended(self) -> End | None:
        if self._stop.is_set():
            return End.STOPPED
        best = self._best
        if best is not None and best.report.success_rate >= self.config.target_success:
            return End.SOLVED
        if self._elapsed_s >= 60.0 * self.config.max_minutes:
            return End.TIME
        if 0 < self.config.max_env_steps <= self.learning.env_steps:
            return End.STEPS
        return None

    def _take_in(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, Fragment):
                self.learning.add(message)
                for episode in message.episodes:
                    self._episodes.add(episode)
            elif isinstance(message, EvaluationPart):
                self._take_in_evaluation(message)
            elif isinstance(message, WorkerFailed):
                raise ConfigurationError(f"rollout worker {message.worker}: {message.reason}")
        if messages and self.learning.updates:
            self._engine.publish(self.learning.snapshot())

    def _evaluate_if_due(self) -> None:
        """Evaluates once noise-free episodes of the workers say that it might pass."""
        since = self.learning.env_steps - self._evaluated_at
        promising = self._episodes.greedy_success_rate() >= self.config.evaluation_threshold
        if self._request is None and promising and since >= self.config.evaluation_steps:
            self._start_evaluation()

    def _start_evaluation(self) -> None:
        count = self.config.evaluation_episodes
        first = TRAINING_EVALUATION_SEED + self._evaluations * count
        seeds = tuple(range(first, first + count))
        self._evaluations += 1
        self._evaluated_at = self.learning.env_steps
        self._request = EvaluationRequest(self._evaluations, self.learning.snapshot(), seeds)
        self._report = NO_EPISODES
        self._parts_due = self._engine.evaluate(self._request)

    def _take_in_evaluation(self, part: EvaluationPart) -> None:
        if self._request is None or part.number != self._request.number:
            return
        self._report = self._report.joined(part.report)
        self._parts_due -= 1
        if self._parts_due:
            return
        request, self._request = self._request, None
        self._evaluated_at = self.learning.env_steps
        if self._report.episodes < len(request.seeds):
            return  # stopped half-way
        rate = self._report.success_rate
        logger.info("evaluation: %d of %d", sum(self._report.success), self._report.episodes)
        if self._best is None or rate >= self._best.report.success_rate:
            self._best = _Best(request.snapshot, self._report)
        self._write_metrics(
            {
                "rollout/evaluation_success_rate": rate,
                "rollout/evaluation_return": self._report.mean_return,
            }
        )

    def _evaluate_at_the_end(self) -> None:
        """The last policy gets its chance too; workers' other messages are let go."""
        if self.learning.updates == 0:
            return
        if self._request is None:
            self._start_evaluation()
        while self._request is not None and not self._stop.is_set():
            for message in self._engine.receive(0.1):
                if isinstance(message, EvaluationPart):
                    self._take_in_evaluation(message)

    def _write_metrics(self, extra: dict[str, float] | None = None) -> None:
        elapsed, env_steps, updates = self._last_report
        learning = self.learning
        passed = max(1e-9, self._elapsed_s - elapsed)
        metrics = {
            "time/env_steps": float(learning.env_steps),
            "time/updates": float(learning.updates),
            "time/elapsed_s": self._elapsed_s,
            "time/env_steps_per_s": (learning.env_steps - env_steps) / passed,
            "time/updates_per_s": (learning.updates - updates) / passed,
            **self._episodes.metrics(),
            **learning.metrics(),
            **(extra or {}),
        }
        if extra is None:
            self._last_report = (self._elapsed_s, learning.env_steps, learning.updates)
        self._writer.write(metrics)
        if self._on_metrics is not None:
            self._on_metrics(metrics)

    def _serve_requests(self) -> None:
        if self._nothing_wanted():
            return
        if self._checkpoint_wanted.is_set():
            self._save()
        if self._export_wanted.is_set():
            self._export()
        with self._done:
            self._checkpoint_wanted.clear()
            self._export_wanted.clear()
            self._done.notify_all()

    def _nothing_wanted(self) -> bool:
        return not (self._checkpoint_wanted.is_set() or self._export_wanted.is_set())

    def _prepare_run_dir(self) -> None:
        used = self.run_dir.exists() and any(self.run_dir.iterdir())
        if used and self._resume is None:
            raise ConfigurationError(
                f"run_dir: expected a new or empty folder, {self.run_dir} holds something; "
                "choose another, or resume that run"
            )
        self.run_dir.mkdir(parents=True, exist_ok=True)

    def _describe_environment(self) -> None:
        environment = make_environment(self.config)
        try:
            self._observation_size = int((environment.observation_space.shape or (0,))[0])
            self._action_size = int((environment.action_space.shape or (0,))[0])
            self._contract = policy_contract(environment)
        finally:
            environment.close()
        # Only now: a configuration that is refused leaves nothing behind but an empty folder.
        (self.run_dir / "config.yaml").write_text(self.config.to_yaml(), encoding="utf-8")

    def _rollouts(self) -> Rollouts:
        resumed = self._resume is not None
        if self.config.worker_count() == 0:
            return InProcessRollouts(self.config, resumed, self._stop.is_set)
        parameters = len(self.learning.snapshot().parameters)
        return WorkerProcesses(self.config, resumed, parameters, self._observation_size)

    def _load(self, path: Path) -> None:
        self.learning.load(load_checkpoint(path), path)
        self._evaluated_at = self.learning.env_steps
        # Evaluations go on with seeds that the run has not seen.
        self._evaluations = self.learning.env_steps
        self._last_report = (0.0, self.learning.env_steps, self.learning.updates)
        logger.info("resumed from %s at %d environment steps", path, self.learning.env_steps)

    def _save(self) -> None:
        path = checkpoint_path(self.run_dir, self.learning.env_steps)
        save_checkpoint(path, self.learning.checkpoint())
        drop_old_checkpoints(self.run_dir, self.config.checkpoints_kept)

    def _export(self) -> None:
        """Exports the best evaluated policy; the newest where none has been evaluated."""
        if self._contract is None:
            return
        snapshot = self.learning.snapshot() if self._best is None else self._best.snapshot
        facts = {
            "algorithm": self.config.algorithm,
            "seed": str(self.config.seed),
            "env_steps": str(self.learning.env_steps),
            "updates": str(snapshot.updates),
        }
        if self._best is not None:
            facts["evaluation_success_rate"] = str(self._best.report.success_rate)
            facts["evaluation_episodes"] = str(self._best.report.episodes)
        path = self.run_dir / "policy.onnx"
        export_snapshot(
            snapshot, self.config.algorithm, self.config.hidden, self._contract, path, facts
        )
        self._exported = path

    def _outcome(self, end: End) -> Outcome:
        best = self._best
        return Outcome(
            end,
            self.learning.env_steps,
            self.learning.updates,
            self._elapsed_s / 60.0,
            None if best is None else best.report.success_rate,
            0 if best is None else best.report.episodes,
            self._exported,
            self.run_dir,
        )

    @property
    def _name(self) -> str:
        return self.config.env or self.config.task


def resumed_config(
    resume: Path, overrides: Mapping[str, object] | None = None
) -> tuple[TrainingConfig, Path]:
    """The configuration and the folder of the run that ``resume`` (folder or checkpoint) is from.

    Args:
        resume: a run folder, or a checkpoint inside one.
        overrides: put on top of the run's own configuration.

    Raises:
        CheckpointError: nothing there to resume.
    """
    path = latest_checkpoint(resume)
    own = dataclasses.asdict(config_of(load_checkpoint(path), path))
    return make_config({**own, **(overrides or {})}), path.parent.parent


def _keep_freed_memory() -> None:
    """Tells glibc to keep freed memory; on other systems, nothing.

    An update takes and frees megabytes, hundreds of times a second. Giving them back to the kernel
    each time costs a fifth of it.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold, size = -1, -3, 512 * 1024 * 1024
        mallopt(trim_threshold, size)
        mallopt(mmap_threshold, size)
