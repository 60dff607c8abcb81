"""Keeps the tests' nodes to themselves: on this host, and in a domain of this test run only."""

import os

import pytest

from der_ros.nodes.shared.middleware import keep_processes_apart

# Domains 0 to 101 leave the ports of ordinary programs alone; 0 is everybody's.
FIRST_DOMAIN, DOMAINS = 1, 101

os.environ["ROS_DOMAIN_ID"] = str(FIRST_DOMAIN + os.getpid() % DOMAINS)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
keep_processes_apart()


def pytest_report_header() -> str:
    """Name the domain, to look into a hanging test with other tools."""
    return f"ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}, discovery on this host only"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out by name, not by skipping, what only runs when it is asked for by ``-m``.

    Nodes watch each other in real time, and a shared computer now and then stands still for longer
    than they allow (0.4 s, twice within a minute): their tests get two more chances, and the
    summary names each that took one.
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
