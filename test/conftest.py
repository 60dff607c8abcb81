"""Isolates the tests' nodes in a domain of this test run, and runs tests in two processes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from der_ros.nodes.shared.middleware import keep_processes_apart

# Domains 0 to 101 avoid the ports of ordinary programs; 0 is the default domain of others.
FIRST_DOMAIN, DOMAINS = 1, 101

WORKERS = 2
ALONE_MARKERS = ("alone", "ros", "hardware")

if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has the domain of its run
    os.environ["ROS_DOMAIN_ID"] = str(FIRST_DOMAIN + os.getpid() % DOMAINS)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
keep_processes_apart()


def pytest_report_header() -> str:
    """Report the domain, so that other tools can inspect a hanging test."""
    return f"ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}, discovery on this host only"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use two worker processes in a run without a path, unless ``-n`` says how many."""
    unsaid = getattr(config.option, "numprocesses", 0) is None  # 0: without pytest-xdist
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if unsaid and whole and not config.option.usepdb and not is_worker(config):
        config.option.numprocesses = WORKERS


def is_worker(config: pytest.Config) -> bool:
    """Return True in a process that another one gives tests to."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler of a run in several processes."""
    from alone_last import AloneLast

    return AloneLast(config, log) if config.option.dist == "load" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect slow and hardware tests unless ``-m`` selects them, and rerun failed node tests.

    A worker lists the tests that run alone for the scheduler.

    Nodes watch each other in real time, and a shared computer sometimes stalls for longer than they
    allow (0.4 s, twice within a minute). Their tests get two more attempts; the summary names each
    test that needed one.
    """
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.flaky(reruns=2))
    if is_worker(config):
        from alone_last import listing

        alone = [item.nodeid for item in items if any(map(item.get_closest_marker, ALONE_MARKERS))]
        listing(Path(config.option.basetemp).parent).write_text(json.dumps(alone))
    if config.option.markexpr:
        return
    unasked = [item for item in items if any(map(item.get_closest_marker, ("slow", "hardware")))]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
