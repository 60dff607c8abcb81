"""Isolates the tests' nodes in domains of their process, and runs tests in two processes."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from der_ros.nodes.shared.middleware import keep_processes_apart

WORKERS = 2
ALONE_MARKERS = ("alone", "hardware")
IN_TURN_MARKERS = ("in_turn",)
_REASON_CHARACTERS = 1500

os.environ["ROS_DOMAIN_ID"] = "101"  # of no test that starts nodes
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
keep_processes_apart()


def pytest_report_header() -> str:
    """Report where nodes are found, so that other tools can inspect a hanging test."""
    return "ROS_DOMAIN_ID: ten of 1 to 100 for each process; discovery on this host only"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use two worker processes in a run without a path, unless ``-n`` says how many."""
    unsaid = getattr(config.option, "numprocesses", 0) is None  # 0: without pytest-xdist
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if unsaid and whole and not config.option.usepdb and not is_worker(config):
        config.option.numprocesses = WORKERS


@pytest.fixture(scope="session", autouse=True)
def _hangups_end_children() -> None:
    """Let SIGHUP end the tests' processes under ``nohup`` too, which ignores it for all of them."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # not inherited, unlike SIG_IGN


def is_worker(config: pytest.Config) -> bool:
    """Return True in a process that another one gives tests to."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Select this process's ROS domain for a test that starts nodes."""
    if item.get_closest_marker("ros"):
        from isolation import block

        os.environ["ROS_DOMAIN_ID"] = str(block().domain)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report why tests were run again: a test that passes at last leaves no other trace."""
    again = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section("reasons of reruns")
    for report in again:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = str(crash.message if crash else report.longrepr).replace("\n", " ")
        terminalreporter.line(f"{report.nodeid} ({report.when}): {why[:_REASON_CHARACTERS]}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler of a run in several processes."""
    from alone_last import AloneLast

    return AloneLast(config, log) if config.option.dist == "load" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect slow and hardware tests unless ``-m`` selects them, and rerun failed node tests.

    A worker lists the tests that run alone or in turn for the scheduler.

    Nodes watch each other in real time, and a shared computer sometimes stalls for longer than they
    allow (0.4 s, twice within a minute). Their tests get two more attempts; the summary names each
    test that needed one.
    """
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.flaky(reruns=2))
    if is_worker(config):
        from alone_last import ALONE, IN_TURN, listing

        scopes = {
            item.nodeid: scope
            for scope, markers in ((IN_TURN, IN_TURN_MARKERS), (ALONE, ALONE_MARKERS))
            for item in items
            if any(map(item.get_closest_marker, markers))
        }
        listing(Path(config.option.basetemp).parent).write_text(json.dumps(scopes))
    if config.option.markexpr:
        return
    unasked = [item for item in items if any(map(item.get_closest_marker, ("slow", "hardware")))]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
