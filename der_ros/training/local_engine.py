"""Where rollouts run on one machine: inside this process, or in worker processes."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import NamedTuple, Protocol

import numpy as np

from der_ros.errors import DerRosError
from der_ros.training.config import TrainingConfig
from der_ros.training.environment import make_environment
from der_ros.training.messages import (
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    Message,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.rollout import RolloutWorker
from der_ros.training.shared_snapshot import SharedSnapshot

logger = logging.getLogger(__name__)

ENTROPY_OF_ROLLOUTS = 1  # keeps their random numbers apart from the learner's
_TIME_TO_END_S = 0.4
_TAKEN = None  # the answer to a fragment
_FRAGMENTS_AHEAD = 4


class Rollouts(Protocol):
    """What the learner loop needs of an engine. A context manager."""

    def receive(self, timeout_s: float) -> list[Message]:
        """What has come in; waits up to ``timeout_s`` for the first."""
        ...

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Makes ``snapshot`` the newest; each worker takes it when it wants one."""
        ...

    def evaluate(self, request: EvaluationRequest) -> int:
        """Starts an evaluation, spread over the workers; returns how many parts will come in."""
        ...

    def __enter__(self) -> Rollouts:
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


class InProcessRollouts:
    """One worker in this process: slow, and repeatable bit for bit."""

    def __init__(
        self, config: TrainingConfig, resumed: bool, should_stop: Callable[[], bool]
    ) -> None:
        self._config, self._resumed, self._should_stop = config, resumed, should_stop
        self._parts: deque[EvaluationPart] = deque()

    def __enter__(self) -> InProcessRollouts:
        """Makes the environment."""
        self._environment = make_environment(self._config)
        seed = np.random.SeedSequence((self._config.seed, ENTROPY_OF_ROLLOUTS, 0))
        self._worker = RolloutWorker(self._config, self._environment, 0, 1, seed)
        if self._resumed:
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

    def receive(self, timeout_s: float) -> list[Message]:
        """Collects one fragment, here and now."""
        if self._parts:
            return [self._parts.popleft()]
        return [self._worker.collect(self._config.fragment_steps)]

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Gives it to the only worker if that wants one."""
        if self._worker.wants_policy:
            self._worker.set_policy(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Evaluates, here and now; the part comes in with the next ``receive``."""
        report = self._worker.evaluate(request.snapshot, request.seeds, self._should_stop)
        self._parts.append(EvaluationPart(0, request.number, report))
        return 1


class WorkerProcesses:
    """Workers in spawned processes, each on a pipe of its own. A dead one is replaced.

    A worker waits while a few of its fragments have not been received, so a paused or slow learner
    is neither flooded nor given what an old policy did.
    """

    def __init__(
        self, config: TrainingConfig, resumed: bool, parameters: int, observation_size: int
    ) -> None:
        """For a policy of that many ``parameters`` on observations of that size."""
        self._config, self._resumed = config, resumed
        self._count = config.worker_count()
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []
        self._started = [0] * self._count  # how often each was started
        self._pending: dict[int, _EvaluationOrder] = {}
        size = parameters, observation_size, config.filter_clip
        self._newest = SharedSnapshot(self._context, *size)
        self._evaluated = SharedSnapshot(self._context, *size)

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

    def receive(self, timeout_s: float) -> list[Message]:
        """One message of each worker that has any."""
        ready = wait(self._pipes, timeout_s)
        messages = []
        for worker, pipe in enumerate(self._pipes):
            if pipe in ready:
                message = self._receive_from(worker)
                if message is not None:
                    messages.append(message)
        return messages

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Writes it where all workers read."""
        self._newest.write(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Deals the seeds out to the workers."""
        self._evaluated.write(request.snapshot)
        for worker in range(self._count):
            part = _EvaluationOrder(request.number, request.seeds[worker :: self._count])
            self._pending[worker] = part
            self._send(worker, part)
        return self._count

    def _receive_from(self, worker: int) -> Message | None:
        try:
            message: Message = self._pipes[worker].recv()
        except (EOFError, OSError):
            self._replace(worker)
            return None
        if isinstance(message, EvaluationPart):
            self._pending.pop(worker, None)
        elif isinstance(message, Fragment):
            self._send(worker, _TAKEN)
        return message

    def _send(self, worker: int, order: _EvaluationOrder | None) -> None:
        # A dead worker is noticed, and replaced, when it is next received from.
        with contextlib.suppress(OSError):
            self._pipes[worker].send(order)

    def _replace(self, worker: int) -> None:
        """Starts a new process, and gives it the evaluation that the dead one had under way."""
        self._pipes[worker].close()
        self._processes[worker].join(_TIME_TO_END_S)
        code = self._processes[worker].exitcode
        logger.warning("rollout worker %d ended (exit code %s); starting another", worker, code)
        self._resumed = True
        self._processes[worker], self._pipes[worker] = self._start(worker)
        if worker in self._pending:
            self._send(worker, self._pending[worker])

    def _start(self, worker: int) -> tuple[BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        job = _Job(self._config, worker, self._count, self._started[worker], self._resumed)
        process = self._context.Process(
            target=run_worker,
            args=(theirs, job, self._newest, self._evaluated),
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


class _EvaluationOrder(NamedTuple):
    """A worker's share of an evaluation; the snapshot lies in shared memory."""

    number: int
    seeds: tuple[int, ...]


class _Job(NamedTuple):
    config: TrainingConfig
    worker: int
    workers: int
    start: int  # 0, 1, … for each process that had this place
    resumed: bool


def run_worker(
    pipe: Connection, job: _Job, newest: SharedSnapshot, evaluated: SharedSnapshot
) -> None:
    """The body of a worker process: collect and send until the learner closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seed = np.random.SeedSequence((job.config.seed, ENTROPY_OF_ROLLOUTS, job.worker, job.start))
    try:
        environment = make_environment(job.config)
    except DerRosError as error:
        pipe.send(WorkerFailed(job.worker, str(error)))
        return
    rollouts = RolloutWorker(job.config, environment, job.worker, job.workers, seed)
    if job.resumed:
        rollouts.skip_random_steps()
    # EOF and reset connections say that the learner has gone, which is how a run ends.
    with contextlib.closing(environment), contextlib.suppress(EOFError, OSError):
        _serve(pipe, job, rollouts, newest, evaluated)


def _serve(
    pipe: Connection,
    job: _Job,
    rollouts: RolloutWorker,
    newest: SharedSnapshot,
    evaluated: SharedSnapshot,
) -> None:
    not_taken = 0
    while True:
        while not_taken >= _FRAGMENTS_AHEAD or pipe.poll():
            order: _EvaluationOrder | None = pipe.recv()
            if order is None:
                not_taken -= 1
                continue
            snapshot = evaluated.read()
            if snapshot is not None:
                report = rollouts.evaluate(snapshot, order.seeds, _LearnerGone(pipe))
                pipe.send(EvaluationPart(job.worker, order.number, report))
        if rollouts.wants_policy and (snapshot := newest.read()) is not None:
            rollouts.set_policy(snapshot)
        pipe.send(rollouts.collect(job.config.fragment_steps))
        not_taken += 1


class _LearnerGone:
    """Asked at each step of an evaluation; looks now and then whether the pipe is closed."""

    def __init__(self, pipe: Connection) -> None:
        self._poller = select.poll()
        self._poller.register(pipe.fileno(), select.POLLHUP)
        self._asked = 0

    def __call__(self) -> bool:
        self._asked += 1
        if self._asked % 50:
            return False
        return any(event & select.POLLHUP for _, event in self._poller.poll(0))
