"""Isolates the tests' nodes: discovery on this host only, in a domain of this test run."""

import os

import pytest

from der_ros.nodes.shared.middleware import keep_processes_apart

# Domains 0 to 101 avoid the ports of ordinary programs; 0 is the default domain of others.
FIRST_DOMAIN, DOMAINS = 1, 101

os.environ["ROS_DOMAIN_ID"] = str(FIRST_DOMAIN + os.getpid() % DOMAINS)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
keep_processes_apart()


def pytest_report_header() -> str:
    """Report the domain, so that other tools can inspect a hanging test."""
    return f"ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}, discovery on this host only"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect slow and hardware tests unless ``-m`` selects them, and rerun failed node tests.

    Nodes watch each other in real time, and a shared computer sometimes stalls for longer than they
    allow (0.4 s, twice within a minute). Their tests get two more attempts; the summary names each
    test that needed one.
    """
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.flaky(reruns=2))
    if config.option.markexpr:
        return
    unasked = [item for item in items if any(map(item.get_closest_marker, ("slow", "hardware")))]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
