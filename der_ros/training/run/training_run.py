"""Training run, from a configuration to a policy file, in the caller's thread."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from der_ros.errors import ConfigurationError
from der_ros.tasks.base import Task
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint, restoring
from der_ros.training.checkpoint.writer import CheckpointWriter, set_checkpoints_aside_after
from der_ros.training.config import TrainingConfig
from der_ros.training.demonstrations.files import demonstrations_at, load_demonstrations
from der_ros.training.engine.choice import make_engine
from der_ros.training.engine.interface import Engine
from der_ros.training.environment.factory import make_environment, policy_contract
from der_ros.training.export import export_training
from der_ros.training.learner import Learner, LearnerLoop
from der_ros.training.metrics.log import (
    MetricsWriter,
    forget_metrics_after,
    plot_learning_curve,
    prepare_plotting,
)
from der_ros.training.rollout.takeover import Pilot
from der_ros.training.run.control import RunControl
from der_ros.training.run.folder import prepare_run_folder
from der_ros.training.run.initial_policy import read_initial_policy
from der_ros.training.run.memory import keep_freed_memory
from der_ros.training.run.report import End, RunOutcome
from der_ros.training.run.resuming import loop_state
from der_ros.whole_files import write_whole

logger = logging.getLogger(__name__)


class TrainingRun(RunControl):
    """Training run, executed by ``run`` in the caller's thread until target or budget is reached.

    The methods of ``RunControl`` may be called from any thread and from signal handlers.
    """

    def __init__(
        self,
        config: TrainingConfig,
        run_dir: Path,
        resume: Path | None = None,
        on_metrics: Callable[[dict[str, float]], None] | None = None,
        pilot: Pilot | None = None,
    ) -> None:
        """Store the arguments; ``run`` does the work.

        Args:
            config: The run; for a resumed run, from ``resumed_config``.
            run_dir: The run folder, made if missing.
            resume: A checkpoint, or a run folder for its latest one; None for a new run.
            on_metrics: Called with each line of metrics, in the thread of ``run``.
            pilot: Interface to a person who may drive one worker's episodes; None for no person.
        """
        super().__init__()
        self.config, self.run_dir = config, run_dir
        self._resume, self._on_metrics, self._pilot = resume, on_metrics, pilot
        self._exported: Path | None = None
        self._elapsed_s = 0.0  # time since this start, without pauses
        self._last_report = (0.0, 0, 0)  # elapsed, env steps, updates

    def run(self) -> RunOutcome:
        """Train until the target, the budget or ``stop``; return the outcome.

        Raises:
            ConfigurationError: Task, environment, demonstrations or run folder are not usable.
            CheckpointError: There is no checkpoint to resume from, it does not fit, or a new one
                cannot be written.
        """
        for sentence in self.config.without_effect():
            logger.warning(sentence)
        keep_freed_memory()
        torch.set_num_threads(self.config.torch_threads)
        checkpoint = None if self._resume is None else latest_checkpoint(self._resume)
        prepare_run_folder(self.run_dir, checkpoint)
        self._describe_environment()
        self.learner = Learner(self.config, self._observation_size, self._action_size)
        engine = make_engine(
            self.config,
            self.learner.sizes,
            self.learner.td_errors,
            self._stop.is_set,
            self._pilot,
        )
        self._loop = LearnerLoop(self.config, self.learner, engine)
        self._begin(engine, checkpoint)
        # Written after all checks, so that a refused configuration leaves only an empty folder.
        self._write_configuration()
        # Export once before training, so that an impossible export fails early.
        self._export()
        self._checkpoints = CheckpointWriter(self.run_dir, self.config.checkpoints_kept)
        with MetricsWriter(self.run_dir) as self._writer, engine:
            prepare_plotting()  # while the workers start; at the end a launch waits 5 s only
            end = self._train()
            if end in (End.TIME, End.STEPS):
                self._evaluate_at_the_end()
            self._checkpoints.start(self.learner.env_steps, self._content())
            self._export()
            self._write_metrics()
            self._checkpoints.finish()
        plot_learning_curve(self.run_dir, f"{self._name} · {self.config.algorithm}")
        return self._outcome(end)

    def _train(self) -> End:
        last = time.monotonic()
        saved_s = 0.0
        while (end := self._ended()) is None:
            now = time.monotonic()
            if self.paused:
                self._serve_requests()
                self._stop.wait(0.05)
                last = time.monotonic()
                continue
            self._elapsed_s, last = self._elapsed_s + now - last, now
            self._loop.turn()
            for ended in self._loop.evaluation_metrics():
                self._write_metrics(ended)
            if self._elapsed_s - self._last_report[0] >= self.config.report_interval_s:
                self._write_metrics()
            if self._elapsed_s - saved_s >= self.config.checkpoint_interval_s:
                saved_s = self._elapsed_s
                self.request_checkpoint()
            self._serve_requests()
        return end

    def _ended(self) -> End | None:
        if self._stop.is_set():
            return End.STOPPED
        if self._loop.evaluator.solved:
            return End.SOLVED
        if self._elapsed_s >= 60.0 * self.config.max_minutes:
            return End.TIME
        if 0 < self.config.max_env_steps <= self.learner.env_steps:
            return End.STEPS
        return None

    def _evaluate_at_the_end(self) -> None:
        """Wait for the evaluation under way, or evaluate the last policy if any update was done."""
        if self.learner.updates == 0:
            return
        evaluator = self._loop.evaluator
        if not evaluator.under_way:
            self._loop.start_evaluation()
        while evaluator.under_way and not self._stop.is_set():
            self._loop.finish_evaluation()
        for ended in self._loop.evaluation_metrics():
            self._write_metrics(ended)

    def _serve_requests(self) -> None:
        if self._nothing_wanted() or self._checkpoints.busy:
            return
        self._set_at_work(True)
        if self._export_wanted.is_set():
            self._export_wanted.clear()
            self._export()
        if self._checkpoint_wanted.is_set():
            self._checkpoint_wanted.clear()
            self._checkpoints.start(self.learner.env_steps, self._content())
            return  # at work until the checkpoint is written
        self._set_at_work(False)

    def _write_metrics(self, extra: dict[str, float] | None = None) -> None:
        elapsed, env_steps, updates = self._last_report
        learner = self.learner
        passed = max(1e-9, self._elapsed_s - elapsed)
        metrics = {
            "time/env_steps": float(learner.env_steps),
            "time/updates": float(learner.updates),
            "time/elapsed_s": self._elapsed_s,
            "time/env_steps_per_s": (learner.env_steps - env_steps) / passed,
            "time/updates_per_s": (learner.updates - updates) / passed,
            **self._loop.metrics(),
            **(extra or {}),
        }
        if extra is None:
            self._last_report = (self._elapsed_s, learner.env_steps, learner.updates)
        self._writer.write(metrics)
        if self._on_metrics is not None:
            self._on_metrics(metrics)

    def _write_configuration(self) -> None:
        path = self.run_dir / "config.yaml"
        try:
            write_whole(path, self.config.to_yaml())
        except OSError as error:
            raise ConfigurationError(
                f"run_dir: expected to write {path}, got: {error.strerror}; make room, or choose "
                "another folder"
            ) from error

    def _describe_environment(self) -> None:
        environment = make_environment(self.config)
        try:
            self._observation_size = int((environment.observation_space.shape or (0,))[0])
            self._action_size = int((environment.action_space.shape or (0,))[0])
            self._contract = policy_contract(environment)
            self._task: Task | None = getattr(environment.unwrapped, "task", None)
        finally:
            environment.close()

    def _begin(self, engine: Engine, checkpoint: Path | None) -> None:
        """Load the checkpoint of a resumed run, or policy and demonstrations of a new one."""
        if checkpoint is not None:
            self._load(checkpoint)
            return
        if self.config.initial_policy and self._contract is not None:
            initial = read_initial_policy(
                Path(self.config.initial_policy),
                self._contract,
                self.config.learner.hidden,
                self.config.seed,
            )
            self.learner.begin_with(*initial)
        if self.config.demos:
            contract = self._contract
            demonstrations = load_demonstrations(
                demonstrations_at(self.config.demos, self.config.task),
                self._observation_size,
                self._action_size,
                1 if contract is None else contract.folded_symmetry,
                self._task,
                None if contract is None else contract.view(),
            )
            self.learner.count_in(demonstrations)
            engine.load_demonstrations(demonstrations)

    def _load(self, path: Path) -> None:
        content = load_checkpoint(path)
        with restoring(str(path)):
            self._loop.load_state(loop_state(content, self.config))
        self._last_report = (0.0, self.learner.env_steps, self.learner.updates)
        forget_metrics_after(self.run_dir / "metrics.jsonl", self.learner.env_steps)
        set_checkpoints_aside_after(self.run_dir, self.learner.env_steps)
        logger.info("resumed from %s at %d environment steps", path, self.learner.env_steps)

    def _content(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        contract = self._contract
        return {
            "config": dataclasses.asdict(self.config),
            "contract": None if contract is None else contract.to_metadata(),
            "loop": self._loop.state(),
        }

    def _export(self) -> None:
        """Export the best evaluated policy, or the newest one without an evaluation."""
        if self._contract is None:
            return
        path, learner = self.run_dir / "policy.onnx", self.learner
        best = self._loop.evaluator.best
        export_training(
            learner.candidate(), best, self.config, learner.env_steps, self._contract, path
        )
        self._exported = path

    def _outcome(self, end: End) -> RunOutcome:
        best = self._loop.evaluator.best
        return RunOutcome(
            end,
            self.learner.env_steps,
            self.learner.updates,
            self._elapsed_s / 60.0,
            None if best is None else best.report.success_rate,
            None if best is None else best.report.mean_return,
            0 if best is None else best.report.episodes,
            self._exported,
            self.run_dir,
        )

    @property
    def _name(self) -> str:
        return self.config.env or self.config.task
