"""Threads: start, stop within a timeout, and failure reports."""

import ast
import logging
import os
import signal
import threading
from pathlib import Path

import pytest

from der_ros.threads import JobThread, Startable, Worker, call_on_signals

PACKAGE = Path(__file__).resolve().parents[1] / "der_ros"
DEADLINE_S = 5.0


def ended(worker: Worker) -> bool:
    """Wait for a worker to end by itself."""
    thread = worker._thread
    assert thread is not None
    thread.join(DEADLINE_S)
    return not worker.alive


def broken() -> None:
    raise ValueError("seven")


def test_a_worker_runs_until_it_is_stopped():
    begun = threading.Event()

    def body() -> None:
        begun.set()
        worker.stopping.wait(DEADLINE_S)

    worker = Worker("test", body)
    with worker:
        assert begun.wait(DEADLINE_S)
        assert worker.alive
    assert not worker.alive
    assert worker.failure == ""


def test_an_exception_is_kept_logged_and_handed_on(caplog):
    reasons: list[str] = []
    worker = Worker("test", broken, reasons.append)
    with caplog.at_level(logging.ERROR):
        worker.start()
        assert ended(worker)
    assert worker.failure == "the thread test has ended: ValueError: seven"
    assert reasons == [worker.failure]
    assert caplog.records[0].exc_info is not None
    assert "seven" in caplog.text


def test_an_exit_in_a_thread_is_a_failure_too(caplog):
    def body() -> None:
        raise SystemExit(3)

    worker = Worker("test", body)
    worker.start()
    assert ended(worker)
    assert worker.failure == "the thread test has ended: SystemExit: 3"
    assert caplog.records[0].levelno == logging.ERROR


def test_a_return_that_nobody_asked_for_is_a_failure():
    reasons: list[str] = []
    worker = Worker("test", lambda: None, reasons.append)
    worker.start()
    assert ended(worker)
    assert reasons == [
        "the thread test has ended: its function returned, expected it to run until stopped"
    ]


def test_a_finite_body_may_return():
    worker = Worker("test", lambda: None, finite=True)
    worker.start()
    assert ended(worker)
    assert worker.failure == ""


def test_a_handler_that_raises_hides_nothing(caplog):
    def handler(_reason: str) -> None:
        raise RuntimeError("eight")

    worker = Worker("test", broken, handler)
    worker.start()
    assert ended(worker)
    assert "seven" in worker.failure
    assert "eight" in caplog.text


def test_stop_gives_up_at_its_deadline(caplog):
    release = threading.Event()
    worker = Worker("test", lambda: bool(release.wait(DEADLINE_S)) and None, join_s=0.01)
    worker.start()
    try:
        assert worker.stop() is False
        assert "did not end within 0.01 s" in caplog.text
        with pytest.raises(RuntimeError, match="still runs"):
            worker.start()
    finally:
        release.set()
    assert worker.stop(DEADLINE_S) is True


def test_a_stopped_worker_starts_again():
    runs: list[int] = []

    def body() -> None:
        runs.append(1)
        worker.stopping.wait(DEADLINE_S)

    worker = Worker("test", body)
    for _ in range(2):
        with worker:
            pass
    assert runs == [1, 1]


def test_a_failure_is_forgotten_by_the_next_start():
    outcomes = [ValueError("seven"), None]

    def body() -> None:
        if (error := outcomes.pop(0)) is not None:
            raise error

    worker = Worker("test", body, finite=True)
    for expected in (True, False):
        worker.start()
        assert ended(worker)
        assert bool(worker.failure) is expected


def test_stop_from_within_does_not_wait_for_itself():
    answers: list[bool] = []
    worker = Worker("test", lambda: answers.append(worker.stop()))
    worker.start()
    assert ended(worker)
    assert answers == [False]
    assert worker.failure == ""


def test_stop_without_a_start_does_nothing():
    assert Worker("test", lambda: None).stop() is True


def test_jobs_run_in_order_and_raise_at_the_caller():
    jobs, done = JobThread("jobs"), []
    first = jobs.submit(lambda: done.append(1))
    failed = jobs.submit(lambda: 1 // 0)
    last = jobs.submit(lambda: done.append(2) or 7)
    assert last.result(5.0) == 7
    assert first.result(5.0) is None
    assert isinstance(failed.exception(5.0), ZeroDivisionError)
    assert done == [1, 2]


def test_a_signal_acts_also_where_its_lock_is_held():
    told, before = threading.Event(), signal.getsignal(signal.SIGUSR1)
    call_on_signals((signal.SIGUSR1,), lambda _number: told.set())
    try:
        with told._cond:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not told.is_set()
        assert told.wait(5.0)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_block_that_raises_stops_what_it_started():
    calls: list[str] = []

    class Device(Startable):
        def start(self) -> None:
            calls.append("start")

        def stop(self) -> None:
            calls.append("stop")

    with pytest.raises(ValueError, match="seven"), Device():
        broken()
    assert calls == ["start", "stop"]


def test_no_context_manager_is_entered_by_hand():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"__enter__", "__exit__"}, f"{path}:{node.lineno}"
