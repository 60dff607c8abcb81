"""Rollout workers in processes of this machine, as the learner's process sees them."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import Sizes
from der_ros.training.engine.local.rollouts import Received
from der_ros.training.engine.local.shared_fragments import SLOTS, SharedFragments
from der_ros.training.engine.local.shared_snapshot import SharedSnapshot
from der_ros.training.engine.local.worker_body import (
    TAKEN,
    EvaluationOrder,
    FragmentWritten,
    Shared,
    run_worker,
)
from der_ros.training.engine.messages import (
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.rollout.worker import Job

logger = logging.getLogger(__name__)

_TIME_TO_END_S = 0.4


class WorkerProcesses:
    """Workers in spawned processes, each on a pipe of its own. A dead one is replaced.

    Transitions and parameters lie in shared memory; the pipes carry what is said of them. A worker
    waits while a few of its fragments have not been received, so a paused or slow learner is
    neither flooded nor given what an old policy did.
    """

    def __init__(self, config: TrainingConfig, sizes: Sizes) -> None:
        """Makes the shared memory."""
        self._config, self._resumed_at = config, 0
        self._count = config.worker_count()
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []
        self._started = [0] * self._count  # how often each was started
        self._pending: dict[int, EvaluationOrder] = {}
        self._ready = 0  # workers that had something at the last look
        rows = config.fragment_steps + config.n_step
        newest = SharedSnapshot(self._context, sizes, config.filter_clip)
        evaluated = SharedSnapshot(self._context, sizes, config.filter_clip)
        self._shared = [
            Shared(newest, evaluated, SharedFragments(self._context, sizes, rows))
            for _ in range(self._count)
        ]

    def __enter__(self) -> WorkerProcesses:
        """Starts the processes."""
        try:
            for worker in range(self._count):
                process, pipe = self._start(worker)
                self._processes.append(process)
                self._pipes.append(pipe)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the processes, within about half a second."""
        self._stop()

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of the workers, in their order."""
        return tuple(process.pid or 0 for process in self._processes)

    def receive(self, timeout_s: float, take: Callable[[Received], None]) -> None:
        """Hands over what has come, as much of each worker as it may be ahead.

        All of it, not the first of each: a worker must not be held up by how seldom a learner with
        long updates can look.
        """
        ready = wait(self._pipes, timeout_s)
        self._ready = len(ready)
        for worker, pipe in enumerate(self._pipes):
            if pipe not in ready:
                continue
            self._receive_from(worker, take)
            for _ in range(SLOTS - 1):
                if self._pipes[worker].poll():
                    self._receive_from(worker, take)

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Writes it where all workers read."""
        self._shared[0].newest.write(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Deals the seeds out to the workers."""
        self._shared[0].evaluated.write(request.snapshot)
        for worker in range(self._count):
            part = EvaluationOrder(request.number, request.seeds[worker :: self._count])
            self._pending[worker] = part
            self._send(worker, part)
        return self._count

    def metrics(self) -> dict[str, float]:
        """How many workers waited for the learner when it last looked."""
        return {
            "time/queue_fill": self._ready / self._count,
            "time/workers_replaced": float(sum(self._started) - self._count),
        }

    def state(self) -> None:
        """Workers start anew when a run is resumed, as if they had been replaced."""

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """New workers, whose random numbers differ from those of the run so far."""
        self._resumed_at = env_steps

    def _receive_from(self, worker: int, take: Callable[[Received], None]) -> None:
        try:
            message: FragmentWritten | EvaluationPart | WorkerFailed = self._pipes[worker].recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, FragmentWritten):
            slot, rows, given = message.slot, message.rows, message.with_td_errors
            transitions, td_errors = self._shared[worker].fragments.read(slot, rows, given)
            take(Fragment(message.report, transitions, td_errors, message.successes))
            self._send(worker, TAKEN)
            return
        if isinstance(message, EvaluationPart):
            self._pending.pop(worker, None)
        take(message)

    def _send(self, worker: int, order: EvaluationOrder | None) -> None:
        # A dead worker is noticed, and replaced, when it is next received from.
        with contextlib.suppress(OSError):
            self._pipes[worker].send(order)

    def _replace(self, worker: int) -> None:
        """Starts a new process, and gives it the evaluation that the dead one had under way."""
        self._pipes[worker].close()
        self._processes[worker].join(_TIME_TO_END_S)
        code = self._processes[worker].exitcode
        logger.warning("rollout worker %d ended (exit code %s); starting another", worker, code)
        self._processes[worker], self._pipes[worker] = self._start(worker)
        if worker in self._pending:
            self._send(worker, self._pending[worker])

    def _start(self, worker: int) -> tuple[BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        job = Job(self._config, worker, self._count, self._started[worker], self._resumed_at)
        process = self._context.Process(
            target=run_worker,
            args=(theirs, job, self._shared[worker]),
            name=f"rollout_{worker}",
            daemon=True,
        )
        self._started[worker] += 1
        with _signals_held_back():
            process.start()
        theirs.close()
        return process, ours

    def _stop(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        deadline = time.monotonic() + _TIME_TO_END_S
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """A child starts with Ctrl-C blocked, so that only the parent decides what it means."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
