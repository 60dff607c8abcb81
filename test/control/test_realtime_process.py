import gc

import pytest

from der_ros.control import realtime_process
from der_ros.control.realtime_process import RealtimeProcess
from der_ros.control.status import Level
from der_ros.drivers.realtime import Grant

LOCKED = Grant(True, "locked")
OF_THREAD = {"scheduling": Grant(True, "SCHED_FIFO 50")}


@pytest.fixture
def asked(monkeypatch):
    """Record requested priorities instead of requesting them."""
    priorities = []

    def schedule(priority):
        priorities.append(priority)
        return Grant(True, f"SCHED_FIFO {priority}")

    monkeypatch.setattr(realtime_process, "request_memory_lock", lambda: LOCKED)
    monkeypatch.setattr(realtime_process, "request_scheduling_of_all", schedule)
    return priorities


@pytest.mark.parametrize(("priority", "of_others"), [(50, 40), (5, 1), (1, 1)])
def test_other_threads_come_after_the_urgent_one(asked, priority, of_others):
    status = RealtimeProcess("bridge", priority).status(OF_THREAD)
    assert asked == [of_others]
    assert (status.level, status.message) == (Level.OK, "all is granted")
    assert status.values["memory"] == "locked"
    assert status.values["other_threads"] == f"SCHED_FIFO {of_others}"
    assert status.values["scheduling"] == "SCHED_FIFO 50"


def test_with_priority_0_nothing_is_asked_for(asked, monkeypatch):
    monkeypatch.setattr(realtime_process, "request_memory_lock", lambda: pytest.fail("asked"))
    status = RealtimeProcess("bridge", 0).status({})
    assert asked == []
    assert status.level is Level.OK
    assert "not asked for" in status.message


def test_what_is_refused_is_a_warning_in_words(asked, monkeypatch, caplog):
    monkeypatch.setattr(realtime_process, "request_memory_lock", lambda: Grant(False, "no memory"))
    process = RealtimeProcess("bridge", 50)
    status = process.status({"scheduling": Grant(False, "no priority")})
    assert (status.level, status.message) == (Level.WARN, "no priority; no memory")
    assert "bridge: no memory" in caplog.text


def test_close_gives_the_collector_back(asked):
    process = RealtimeProcess("bridge", 50)
    process.freeze_garbage()
    assert not gc.isenabled()
    process.close()
    assert gc.isenabled()
