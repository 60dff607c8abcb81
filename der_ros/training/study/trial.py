"""Run of a study, in the caller's thread and process."""

from __future__ import annotations

import datetime
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from der_ros.training.config import TrainingConfig
from der_ros.training.demonstrations.files import load_demonstrations
from der_ros.training.demonstrations.oracle_episodes import record_demonstrations
from der_ros.training.engine.choice import make_engine
from der_ros.training.engine.interface import Engine
from der_ros.training.environment.factory import make_environment
from der_ros.training.environment.wrappers import folded_symmetry, view_of
from der_ros.training.learner import Learner, LearnerLoop
from der_ros.training.run.memory import keep_freed_memory
from der_ros.training.study.curve import CurveRecorder
from der_ros.training.study.design import DEMONSTRATIONS, StudyRun
from der_ros.training.study.peer_trial import PeerTrial
from der_ros.training.study.provenance import provenance
from der_ros.training.study.run_record import RECORD_FORMAT


def run_trial(run: StudyRun) -> dict[str, Any]:
    """Train for the whole budget, evaluate the last policy, and return the run's record."""
    with tempfile.TemporaryDirectory() as folder:
        if not run.needs_demonstrations:
            return _record(run, run.config())
        record_demonstrations(run.task, DEMONSTRATIONS, Path(folder))
        return _record(run, run.config(demos=folder))


def _record(run: StudyRun, config: TrainingConfig) -> dict[str, Any]:
    keep_freed_memory()
    torch.set_num_threads(config.torch_threads)
    started, cpu_started = time.monotonic(), time.process_time()
    trial = Trial(config) if run.peer is None else PeerTrial(config, run.peer)
    results = trial.run()
    return {
        "format": RECORD_FORMAT,
        "run": run._asdict(),
        "settings": run.settings(),
        **provenance(),
        "date": datetime.date.today().isoformat(),
        "minutes": round((time.monotonic() - started) / 60.0, 2),
        "cpu_minutes": round((time.process_time() - cpu_started) / 60.0, 2),
        **results,
    }


class Trial:
    """Training run of a configuration in one process, without a run folder."""

    def __init__(self, config: TrainingConfig) -> None:
        """Create the learner and the empty replay without starting them."""
        self._config = config
        self.curve = CurveRecorder(config.max_env_steps)
        environment = make_environment(config)
        try:
            sizes = [
                (space.shape or (0,))[0]
                for space in (environment.observation_space, environment.action_space)
            ]
            self._symmetry = folded_symmetry(environment)
            self._view = view_of(environment)
        finally:
            environment.close()
        self.learner = Learner(config, *sizes)
        self._engine = make_engine(
            config, self.learner.sizes, self.learner.td_errors, lambda: False
        )
        self.loop = LearnerLoop(config, self.learner, self._engine, self.curve.take_in)

    def run(self) -> dict[str, Any]:
        """Spend the budget; return counts, the learning curve and the last policy's evaluation."""
        if self._config.demos:
            self._load_demonstrations()
        with self._engine as engine:
            while self.learner.env_steps < self._config.max_env_steps:
                self.loop.turn()
            self._evaluate()
            return self._results(engine)

    def _load_demonstrations(self) -> None:
        sizes = self.learner.sizes
        demonstrations = load_demonstrations(
            Path(self._config.demos),
            sizes.observation,
            sizes.action,
            self._symmetry,
            view=self._view,
        )
        self.learner.count_in(demonstrations)
        self._engine.load_demonstrations(demonstrations)

    def _evaluate(self) -> None:
        self.loop.start_evaluation()
        while self.loop.evaluator.under_way:
            self.loop.finish_evaluation()

    def _results(self, engine: Engine) -> dict[str, Any]:
        best = self.loop.evaluator.best
        if best is None:
            raise RuntimeError("study: the last policy was not evaluated")
        metrics = engine.metrics()
        return {
            "env_steps": self.learner.env_steps,
            "updates": self.learner.updates,
            "first_success": self.curve.first_success,
            "successes": self.curve.successes,
            "insertions": int(metrics["der/insertions"]),
            "zone_transitions": int(metrics.get("der/zone_transitions", 0)),
            "final": {
                "episodes": best.report.episodes,
                "successes": sum(best.report.success),
                "mean_return": float(f"{best.report.mean_return:.6g}"),
            },
            "curve": self.curve.as_data(),
        }
