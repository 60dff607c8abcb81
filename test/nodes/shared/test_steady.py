"""Timers and durations of nodes use a steady clock."""

import ast
import time
from pathlib import Path

import pytest
from policy_rig import running
from rclpy.clock import ClockType
from rclpy.executors import SingleThreadedExecutor
from waiting import until

from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.steady import bring_into_phase, steady_timer

PACKAGE = Path(__file__).resolve().parents[3] / "der_ros"
NODES = sorted(path for room in ("nodes", "control") for path in (PACKAGE / room).rglob("*.py"))
# Number of allowed uses of the system clock: stamps of the middleware, and the order in which nodes
# of one name started.
SYSTEM_TIME = {"arrivals.py": 2, "twins.py": 1}


def calls(source: str, *names: str) -> list[str]:
    """Return all uses of the attributes ``names``, called or passed on."""
    return [
        f"{node.attr}, line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in names
    ]


def system_times(source: str) -> list[str]:
    """Return the uses of ``time.time``, ``time.time_ns`` and the clocks of ``datetime``."""
    return [
        f"{node.value.id}.{node.attr}, line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
    ]


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.name)
def test_every_timer_is_steady(path):
    if path.name != "steady.py":
        assert calls(path.read_text(), "create_timer", "create_rate") == []


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.name)
def test_no_duration_is_taken_from_the_wall_clock(path):
    assert len(system_times(path.read_text())) == SYSTEM_TIME.get(path.name, 0)


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.name)
def test_every_stamp_is_read_by_the_one_function(path):
    assert calls(path.read_text(), "from_msg") == []


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.name)
def test_every_thread_is_a_worker(path):
    # Exceptions: the executor's thread, whose errors end the node, and threads that do no work.
    allowed = {"node_process.py": 1, "logs.py": 1}
    assert len(calls(path.read_text(), "Thread")) == allowed.get(path.name, 0)


def test_the_rules_find_what_they_forbid():
    assert calls("self.create_timer(1.0, f)", "create_timer") != []
    assert system_times("import time\nage = time.time() - then") != []


@pytest.mark.ros
@pytest.mark.usefixtures("own_domain")
def test_a_steady_timer_fires_on_the_steady_clock():
    fired: list[int] = []
    with running(lambda: ShellNode("timed")) as (node, _):
        timer = steady_timer(node, 0.01, lambda: fired.append(1))
        assert timer.clock.clock_type == ClockType.STEADY_TIME
        assert until(lambda: len(fired) >= 3)


@pytest.mark.ros
@pytest.mark.usefixtures("own_domain")
def test_a_wait_of_the_executor_is_never_long(monkeypatch):
    """The middleware waits by the system clock: setting it back would prolong the wait."""
    wakes: list[float] = []
    wake = SingleThreadedExecutor.wake

    def counted(executor):
        wakes.append(time.monotonic())
        wake(executor)

    monkeypatch.setattr(SingleThreadedExecutor, "wake", counted)
    with running(lambda: ShellNode("idle")):
        assert until(lambda: len(wakes) >= 10, 10.0)


@pytest.mark.ros
@pytest.mark.usefixtures("own_domain")
def test_timers_brought_into_phase_are_due_together():
    with running(lambda: ShellNode("timed")) as (node, _):
        timers = [steady_timer(node, 100.0, lambda: None) for _ in range(3)]
        cancelled = steady_timer(node, 100.0, lambda: None)
        cancelled.cancel()
        began_s = time.monotonic()
        assert until(lambda: time.monotonic() - began_s > 0.05)
        bring_into_phase(node)
        left_ns = [timer.time_until_next_call() for timer in timers]
        assert min(left_ns) > (100.0 - 0.05) * 1e9
        assert max(left_ns) - min(left_ns) < 0.05 * 1e9
        assert cancelled.is_canceled()
