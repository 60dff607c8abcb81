"""Keeps the tests' nodes to themselves, and says which tests may run beside which."""

import os

import pytest
from domains import next_domain

from der_ros.nodes.shared.middleware import keep_processes_apart

# Folders of tests that start deployments; the other tests of nodes wait more than they compute.
STACKS = {"launch", "docs", "stack"}

os.environ["ROS_DOMAIN_ID"] = next_domain()
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
keep_processes_apart()


def pytest_report_header() -> str:
    """Name the domain, to look into a hanging test with other tools."""
    return f"ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}, discovery on this host only"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out by name, not by skipping, what only runs when it is asked for by ``-m``.

    Nodes watch each other in real time, and a shared computer now and then stands still for longer
    than they allow: their tests get a second chance, and the summary names each that took it.
    With several workers (``./ros2w test``) one runs the deployments and one the other nodes.
    """
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.flaky(reruns=1))
            lane = "stacks" if item.path.parent.name in STACKS else "nodes"
            item.add_marker(pytest.mark.xdist_group(lane))
    if config.option.markexpr:
        return
    unasked = [item for item in items if any(map(item.get_closest_marker, ("slow", "hardware")))]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
