"""Interface of the local engine's workers, and the worker in the learner's process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from der_ros.training.checkpoint.file import restoring
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
from der_ros.training.rollout.takeover import Pilot
from der_ros.training.rollout.worker import RolloutWorker

WorkerMessage = Fragment | EvaluationPart | WorkerFailed


class Workers(Protocol):
    """Interface of rollout workers; a context manager that starts and stops them."""

    def receive(self, timeout_s: float, take: Callable[[WorkerMessage], None]) -> None:
        """Pass each received message to ``take``; wait up to ``timeout_s`` for the first.

        A message is valid until ``take`` returns.
        """
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Publish ``snapshot``; each worker adopts it after its ``policy_interval``."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Start an evaluation, spread over the workers; return the number of parts to expect."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return the current metrics of the workers by name."""
        ...

    def state(self) -> dict[str, Any] | None:
        """Return the state for a checkpoint; None if workers start anew in a resumed run."""
        ...

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """Restore ``state``, taken after ``env_steps`` environment steps; before the start."""
        ...

    def __enter__(self) -> Workers:
        """Start the workers; return this object."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all workers and wait for their end."""
        ...


class InProcessWorker:
    """Single worker in the learner's process: slow, but bit-for-bit reproducible."""

    def __init__(
        self, config: TrainingConfig, should_stop: Callable[[], bool], pilot: Pilot | None = None
    ) -> None:
        """Store the arguments; ``__enter__`` makes the environment.

        Args:
            config: Configuration of the run.
            should_stop: Function polled at each step of an evaluation.
            pilot: Interface to a person who may take over an episode; None for no person.
        """
        self._config, self._should_stop, self._pilot = config, should_stop, pilot
        self._parts: deque[EvaluationPart] = deque()
        self._state: Mapping[str, Any] | None = None
        self._resumed_at = 0

    def __enter__(self) -> InProcessWorker:
        """Make the environment and the worker, and restore the worker's state if there is one.

        Raises:
            CheckpointError: The state is none that this release writes.
        """
        self._environment = make_environment(self._config)
        try:
            self._make_worker()
        except BaseException:
            self._environment.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the worker's environment."""
        self._environment.close()

    def _make_worker(self) -> None:
        entropy = (self._config.seed, ENTROPY_OF_ROLLOUTS, 0, self._resumed_at)
        seed = np.random.SeedSequence(entropy)
        self._worker = RolloutWorker(self._config, self._environment, 0, 1, seed, self._pilot)
        if self._state is None:
            if self._resumed_at:
                self._worker.skip_random_steps()
            return
        with restoring("checkpoint: state of the worker"):
            self._worker.load_state(self._state)

    def receive(self, timeout_s: float, take: Callable[[WorkerMessage], None]) -> None:
        """Collect one fragment or pass on a finished evaluation; ``timeout_s`` is not used."""
        if self._parts:
            take(self._parts.popleft())
        else:
            fragment = self._worker.collect(self._config.fragment_steps)
            self._worker.settle()
            take(fragment)

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Give ``snapshot`` to the worker if its ``policy_interval`` is over."""
        if self._worker.wants_policy:
            self._worker.set_policy(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Run the evaluation at once; the next ``receive`` passes its result on."""
        report = self._worker.evaluate(request.snapshot, request.seeds, self._should_stop)
        self._worker.settle()
        self._parts.append(EvaluationPart(0, request.number, report))
        return 1

    def metrics(self) -> dict[str, float]:
        """Return no metrics: nothing waits in one process."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return the worker's state, with the environment if it can be saved."""
        return self._worker.state()

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """Continue within the episode if a single process saved the state, else start a new one."""
        self._state, self._resumed_at = state, env_steps
