"""Rollout workers of the local engine: one in this process, or some in processes of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    ENTROPY_OF_ROLLOUTS,
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.worker import RolloutWorker

Received = Fragment | EvaluationPart | WorkerFailed


class Workers(Protocol):
    """Some rollout workers. A context manager."""

    def receive(self, timeout_s: float, take: Callable[[Received], None]) -> None:
        """Hands over what has come in; waits up to ``timeout_s`` for the first.

        What ``take`` is given is good until it returns.
        """
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Makes ``snapshot`` the newest; each worker takes it when it wants one."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Starts an evaluation, spread over the workers; returns how many parts will come in."""
        ...

    def metrics(self) -> dict[str, float]:
        """Of the workers as they stand."""
        ...

    def state(self) -> dict[str, Any] | None:
        """For a checkpoint; None where workers start anew when a run is resumed."""
        ...

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """Goes on from ``state``, of a run that had come to ``env_steps``; before the start."""
        ...

    def __enter__(self) -> Workers:
        """Starts."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops and leaves nothing running."""
        ...


class InProcessWorker:
    """One worker in this process: slow, and repeatable bit for bit."""

    def __init__(self, config: TrainingConfig, should_stop: Callable[[], bool]) -> None:
        """Nothing yet; ``should_stop`` is asked at each step of an evaluation."""
        self._config, self._should_stop = config, should_stop
        self._parts: deque[EvaluationPart] = deque()
        self._state: Mapping[str, Any] | None = None
        self._resumed_at = 0

    def __enter__(self) -> InProcessWorker:
        """Makes the environment."""
        self._environment = make_environment(self._config)
        entropy = (self._config.seed, ENTROPY_OF_ROLLOUTS, 0, self._resumed_at)
        seed = np.random.SeedSequence(entropy)
        self._worker = RolloutWorker(self._config, self._environment, 0, 1, seed)
        if self._state is not None:
            self._worker.load_state(self._state)
        elif self._resumed_at:
            self._worker.skip_random_steps()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the environment."""
        self._environment.close()

    def receive(self, timeout_s: float, take: Callable[[Received], None]) -> None:
        """Collects one fragment, here and now."""
        if self._parts:
            take(self._parts.popleft())
        else:
            fragment = self._worker.collect(self._config.fragment_steps)
            self._worker.settle()
            take(fragment)

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Gives it to the only worker if that wants one."""
        if self._worker.wants_policy:
            self._worker.set_policy(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Evaluates, here and now; the part comes in with the next ``receive``."""
        report = self._worker.evaluate(request.snapshot, request.seeds, self._should_stop)
        self._worker.settle()
        self._parts.append(EvaluationPart(0, request.number, report))
        return 1

    def metrics(self) -> dict[str, float]:
        """Nothing waits here."""
        return {}

    def state(self) -> dict[str, Any]:
        """Everything, the environment included where it can be saved."""
        return self._worker.state()

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """Goes on with the very next step where the run was of one process, too."""
        self._state, self._resumed_at = state, env_steps
