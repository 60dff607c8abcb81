"""Requests for real-time scheduling: what is requested, and that a refusal is only reported."""

import ctypes
import gc
import os
import resource
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest

from der_ros.drivers import realtime

UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def scheduled(monkeypatch):
    """Record requested policies and priorities instead of requesting them."""
    asked = []

    def note(thread, policy, parameter):
        asked.append((thread, policy, parameter.sched_priority))

    monkeypatch.setattr(os, "sched_setscheduler", note)
    return asked


def refuse(*_):
    raise PermissionError(1, "Operation not permitted")


def test_the_calling_thread_asks_for_fifo(scheduled):
    assert realtime.request_scheduling(50) == (True, "SCHED_FIFO 50")
    assert scheduled == [(0, os.SCHED_FIFO, 50)]


def test_nothing_is_asked_for_with_priority_0(scheduled):
    assert realtime.request_scheduling(0) is realtime.NOT_ASKED
    assert realtime.request_scheduling_of_all(0) is realtime.NOT_ASKED
    assert realtime.request_cpu(-1) is realtime.NOT_ASKED
    assert scheduled == []


def test_every_thread_of_the_process_asks(scheduled):
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert realtime.request_scheduling_of_all(40).granted
    finally:
        end.set()
        thread.join()
    assert {os.getpid(), thread.native_id} <= {asked[0] for asked in scheduled}
    assert {asked[1:] for asked in scheduled} == {(os.SCHED_FIFO, 40)}


def test_a_thread_that_ended_meanwhile_is_no_refusal(monkeypatch):
    def gone(*_):
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_setscheduler", gone)
    assert realtime.request_scheduling_of_all(40).granted


def test_a_refusal_says_why_and_what_to_do(monkeypatch, caplog):
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    grants = {"scheduling": realtime.request_scheduling(50), "processor": realtime.request_cpu(0)}
    assert not any(grant.granted for grant in grants.values())
    realtime.log_refusals("RSI server", {**grants, "memory": realtime.Grant(True, "locked")})
    assert "'rtprio 50'" in caplog.messages[0]
    assert "Operation not permitted" in caplog.messages[0]
    assert "Choose one of [" in caplog.messages[1]
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("limits", "capable", "allowed"),
    [
        ((UNLIMITED, UNLIMITED), False, True),
        ((8192, UNLIMITED), False, True),
        ((8192, 8192), True, True),
        ((8192, 8192), False, False),
    ],
)
def test_memory_may_be_locked_only_without_a_limit(monkeypatch, limits, capable, allowed):
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: raised.append(wanted))
    monkeypatch.setattr(realtime, "_has_capability", lambda _: capable)
    assert realtime.may_lock_memory() is allowed
    assert raised == ([(UNLIMITED, UNLIMITED)] if limits == (8192, UNLIMITED) else [])


def test_a_capability_is_read_from_its_bit(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nCapEff:\t0000000000004000\n")
    assert realtime._has_capability(14, status)
    assert not realtime._has_capability(13, status)
    assert not realtime._has_capability(14, tmp_path / "missing")


@pytest.mark.parametrize(("answer", "granted"), [(0, True), (-1, False)])
def test_all_memory_is_locked_what_is_to_come_too(monkeypatch, answer, granted):
    flags = []
    libc = SimpleNamespace(mlockall=lambda given: flags.append(given) or answer)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: libc)
    monkeypatch.setattr(realtime, "may_lock_memory", lambda: True)
    assert realtime.request_memory_lock().granted is granted
    assert flags == [1 | 2]


def test_under_a_limit_no_memory_is_locked(monkeypatch):
    monkeypatch.setattr(realtime, "may_lock_memory", lambda: False)
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8 << 20, 8 << 20))
    grant = realtime.request_memory_lock()
    assert not grant.granted
    assert "8192 kB" in grant.words
    assert "memlock unlimited" in grant.words


def test_the_lock_is_kept_only_while_there_is_work():
    before = sys.getswitchinterval()
    try:
        realtime.lengthen_switch_interval()
        assert sys.getswitchinterval() == pytest.approx(5e-3)
        assert realtime.shorten_switch_interval().granted
        assert sys.getswitchinterval() == pytest.approx(5e-5)
    finally:
        sys.setswitchinterval(before)


class Ring:
    """Garbage that only the cyclic collector can free."""

    def __init__(self):
        self.itself = self


def test_garbage_collection_waits_for_a_rest(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(realtime.time, "monotonic", lambda: clock[0])
    collector = realtime.DeferredCollector()
    collector.freeze()
    try:
        assert not gc.isenabled()
        ring = weakref.ref(Ring())
        collector.collect_if_due()
        assert ring() is not None
        assert collector.runs == 0
        clock[0] += 1.0
        collector.collect_if_due()
        assert ring() is None
        assert collector.runs == 1
    finally:
        collector.unfreeze()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
