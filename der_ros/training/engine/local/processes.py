"""Rollout workers in processes of this machine: worker body and learner's side."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, NamedTuple

from der_ros.errors import DerRosError
from der_ros.replay.transitions import Episode
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    PolicySnapshot,
    Report,
    Sizes,
    WorkerFailed,
)
from der_ros.training.engine.local.shared_memory import SLOTS, SharedFragments, SharedSnapshot
from der_ros.training.engine.local.workers import WorkerMessage
from der_ros.training.engine.restarts import Restarts
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.takeover import TAUGHT_WORKER, Pilot
from der_ros.training.rollout.worker import Job, RolloutWorker, make_worker

TAKEN = None  # the learner's answer to a fragment


class EvaluationOrder(NamedTuple):
    """Order for one worker's part of an evaluation; the snapshot lies in shared memory."""

    number: int
    seeds: tuple[int, ...]


class FragmentWritten(NamedTuple):
    """Message that a slot of the shared memory holds a fragment's transitions."""

    report: Report
    successes: tuple[Episode, ...]
    taught: tuple[Episode, ...]
    slot: int
    rows: int
    with_td_errors: bool


class Shared(NamedTuple):
    """Memory that a worker shares with the learner."""

    newest: SharedSnapshot
    evaluated: SharedSnapshot
    fragments: SharedFragments
    pilot: Pilot | None  # only for the worker that a person may drive


def run_worker(pipe: Connection, job: Job, shared: Shared) -> None:
    """Run the worker process: collect and send fragments until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_learner()
    try:
        environment = make_environment(job.config)
    except DerRosError as error:
        pipe.send(WorkerFailed(job.worker, str(error)))
        return
    worker = make_worker(job, environment, shared.pilot)
    # A closed pipe or a reset connection means that the learner has ended, as at a run's end.
    with contextlib.closing(environment), contextlib.suppress(EOFError, OSError):
        _serve(pipe, job, worker, shared)


def _end_with_learner() -> None:
    """Start a thread that ends this process as soon as the learner's process ends.

    A closed pipe is noticed only between two fragments, and the pipe of a killed learner is closed
    only if no other process holds it.
    """
    learner = multiprocessing.parent_process()
    if learner is None:
        return

    def watch() -> None:
        learner.join()
        os._exit(1)

    threading.Thread(target=watch, name="learner watch", daemon=True).start()


def _serve(pipe: Connection, job: Job, worker: RolloutWorker, shared: Shared) -> None:
    not_taken, written = 0, 0
    while True:
        while not_taken >= SLOTS or pipe.poll():
            order: EvaluationOrder | None = pipe.recv()
            if order is TAKEN:
                not_taken -= 1
                continue
            snapshot = shared.evaluated.read()
            if snapshot is not None:
                report = worker.evaluate(snapshot, order.seeds, _LearnerGone(pipe))
                pipe.send(EvaluationPart(job.worker, order.number, report))
        if worker.wants_policy and (snapshot := shared.newest.read()) is not None:
            worker.set_policy(snapshot)
        fragment = worker.collect(job.config.fragment_steps)
        slot, rows = written % SLOTS, fragment.transitions.size
        shared.fragments.write(slot, fragment.transitions, fragment.td_errors)
        given = fragment.td_errors is not None
        episodes = fragment.successes, fragment.taught
        pipe.send(FragmentWritten(fragment.report, *episodes, slot, rows, given))
        not_taken, written = not_taken + 1, written + 1


class _LearnerGone:
    """Stop condition of evaluations: True once the pipe is closed, tested at every 50th call."""

    def __init__(self, pipe: Connection) -> None:
        self._poller = select.poll()
        self._poller.register(pipe.fileno(), select.POLLHUP)
        self._asked = 0

    def __call__(self) -> bool:
        self._asked += 1
        if self._asked % 50:
            return False
        return any(event & select.POLLHUP for _, event in self._poller.poll(0))


logger = logging.getLogger(__name__)

_TIME_TO_END_S = 0.4


class ProcessWorkers:
    """Rollout workers in spawned processes, each with a pipe; dead workers are replaced.

    Transitions and parameters are in shared memory; the pipes carry messages about them. A worker
    waits while several of its fragments have not been received, so that a paused or slow learner
    does not accumulate steps of an old policy.
    """

    def __init__(self, config: TrainingConfig, sizes: Sizes, pilot: Pilot | None = None) -> None:
        """Allocate the shared memory; start nothing.

        Args:
            config: Configuration of the run.
            sizes: Lengths of the vectors.
            pilot: Person who may take over the episodes of one worker, in shared memory; None for
                no person.
        """
        self._config, self._resumed_at = config, 0
        self._count = config.worker_count()
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []
        self._started = [0] * self._count  # number of starts of each worker
        self._restarts = Restarts(self._count)
        self._pending: dict[int, EvaluationOrder] = {}
        self._ready = 0  # workers with a message at the last ``receive``
        rows = config.fragment_steps + config.n_step
        newest = SharedSnapshot(self._context, sizes, config.filter_clip)
        evaluated = SharedSnapshot(self._context, sizes, config.filter_clip)
        self._shared = [
            Shared(
                newest,
                evaluated,
                SharedFragments(self._context, sizes, rows),
                pilot if worker == TAUGHT_WORKER else None,
            )
            for worker in range(self._count)
        ]

    def __enter__(self) -> ProcessWorkers:
        """Start the worker processes, each with its pipe."""
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
        """Stop the processes, within about half a second."""
        self._stop()

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Process ids of the workers, in order."""
        return tuple(process.pid or 0 for process in self._processes)

    def receive(self, timeout_s: float, take: Callable[[WorkerMessage], None]) -> None:
        """Pass each message to ``take``, up to ``SLOTS`` per worker.

        All waiting messages are received, not one per worker: a learner with long updates receives
        rarely, and workers must not wait for it.
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
        """Write ``snapshot`` to the memory that all workers read."""
        self._shared[0].newest.write(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Send each worker its part of the seeds; return the number of parts."""
        self._shared[0].evaluated.write(request.snapshot)
        for worker in range(self._count):
            part = EvaluationOrder(request.number, request.seeds[worker :: self._count])
            self._pending[worker] = part
            self._send(worker, part)
        return self._count

    def metrics(self) -> dict[str, float]:
        """Return the share of workers with a fragment ready, and the number replaced."""
        return {
            "time/queue_fill": self._ready / self._count,
            "time/workers_replaced": float(sum(self._started) - self._count),
        }

    def state(self) -> None:
        """Return None: in a resumed run, workers start anew, like replacements."""

    def load_state(self, state: Mapping[str, Any] | None, env_steps: int) -> None:
        """Prepare new workers with other random numbers than the run so far."""
        self._resumed_at = env_steps

    def _receive_from(self, worker: int, take: Callable[[WorkerMessage], None]) -> None:
        try:
            message: FragmentWritten | EvaluationPart | WorkerFailed = self._pipes[worker].recv()
        except (EOFError, OSError):
            failed = self._replace(worker)
            if failed is not None:
                take(failed)
            return
        self._restarts.heard_from(worker)
        if isinstance(message, FragmentWritten):
            slot, rows, given = message.slot, message.rows, message.with_td_errors
            transitions, td_errors = self._shared[worker].fragments.read(slot, rows, given)
            episodes = message.successes, message.taught
            take(Fragment(message.report, transitions, td_errors, *episodes))
            self._send(worker, TAKEN)
            return
        if isinstance(message, EvaluationPart):
            self._pending.pop(worker, None)
        take(message)

    def _send(self, worker: int, order: EvaluationOrder | None) -> None:
        # The next ``receive`` detects a dead worker and replaces it.
        with contextlib.suppress(OSError):
            self._pipes[worker].send(order)

    def _replace(self, worker: int) -> WorkerFailed | None:
        """Start a new process and resend the dead worker's unfinished evaluation.

        Returns:
            The failure that ends the run, if this worker's processes die at their start; else None.
        """
        self._pipes[worker].close()
        _end(self._processes[worker], _TIME_TO_END_S)
        code = self._processes[worker].exitcode
        logger.warning("rollout worker %d ended (exit code %s); starting another", worker, code)
        self._processes[worker], self._pipes[worker] = self._start(worker)
        if worker in self._pending:
            self._send(worker, self._pending[worker])
        return self._restarts.died(worker, f"exit code {code}")

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
            _end(process, max(0.0, deadline - time.monotonic()))


def _end(process: BaseProcess, timeout_s: float) -> None:
    """Wait for the end of a process; kill it after ``timeout_s``, as it shares memory."""
    process.join(timeout_s)
    if process.is_alive():
        process.kill()
        process.join()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Block Ctrl-C while a child starts, so that only the parent handles it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
