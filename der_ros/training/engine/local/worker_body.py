"""The body of a worker process of the local engine."""

from __future__ import annotations

import contextlib
import select
import signal
from multiprocessing.connection import Connection
from typing import NamedTuple

from der_ros.errors import DerRosError
from der_ros.replay.transitions import Episode
from der_ros.training.engine.local.shared_fragments import SLOTS, SharedFragments
from der_ros.training.engine.local.shared_snapshot import SharedSnapshot
from der_ros.training.engine.messages import EvaluationPart, Report, WorkerFailed
from der_ros.training.environment.factory import make_environment
from der_ros.training.rollout.worker import Job, RolloutWorker, make_worker

TAKEN = None  # the answer to a fragment


class EvaluationOrder(NamedTuple):
    """A worker's share of an evaluation; the snapshot lies in shared memory."""

    number: int
    seeds: tuple[int, ...]


class FragmentWritten(NamedTuple):
    """Says that a slot of the shared memory holds a fragment's transitions."""

    report: Report
    successes: tuple[Episode, ...]
    slot: int
    rows: int
    with_td_errors: bool


class Shared(NamedTuple):
    """The memory that a worker shares with the learner."""

    newest: SharedSnapshot
    evaluated: SharedSnapshot
    fragments: SharedFragments


def run_worker(pipe: Connection, job: Job, shared: Shared) -> None:
    """Collects and sends until the learner closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        environment = make_environment(job.config)
    except DerRosError as error:
        pipe.send(WorkerFailed(job.worker, str(error)))
        return
    rollouts = make_worker(job, environment)
    # EOF and reset connections say that the learner has gone, which is how a run ends.
    with contextlib.closing(environment), contextlib.suppress(EOFError, OSError):
        _serve(pipe, job, rollouts, shared)


def _serve(pipe: Connection, job: Job, rollouts: RolloutWorker, shared: Shared) -> None:
    not_taken, written = 0, 0
    while True:
        while not_taken >= SLOTS or pipe.poll():
            order: EvaluationOrder | None = pipe.recv()
            if order is TAKEN:
                not_taken -= 1
                continue
            snapshot = shared.evaluated.read()
            if snapshot is not None:
                report = rollouts.evaluate(snapshot, order.seeds, _LearnerGone(pipe))
                pipe.send(EvaluationPart(job.worker, order.number, report))
        if rollouts.wants_policy and (snapshot := shared.newest.read()) is not None:
            rollouts.set_policy(snapshot)
        fragment = rollouts.collect(job.config.fragment_steps)
        slot, rows = written % SLOTS, fragment.transitions.size
        shared.fragments.write(slot, fragment.transitions, fragment.td_errors)
        given = fragment.td_errors is not None
        pipe.send(FragmentWritten(fragment.report, fragment.successes, slot, rows, given))
        not_taken, written = not_taken + 1, written + 1


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
