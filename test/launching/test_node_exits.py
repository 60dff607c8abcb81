"""Exit of one node of a launch: the launch ends, and its exit code says whether that was wanted."""

from types import SimpleNamespace

import pytest
from launch import LaunchContext

from der_ros.launching.actions import FINISHING, launched_node

UNWANTED = ("sim_cell", "ft_bridge", "kuka_bridge", "policy_server", "bag_recorder", "cell_view")


def reaction(name, returncode, is_shutdown=False):
    """Return the launch's reaction to the exit of a node, or the text of its failure."""
    node = launched_node(name, {}, {"namespace": ""})
    context = LaunchContext()
    context.is_shutdown = is_shutdown
    event = SimpleNamespace(process_name=f"{name}-1", returncode=returncode)
    try:
        return type(node._on_exit(event, context)).__name__
    except RuntimeError as error:
        return str(error)


@pytest.mark.parametrize("name", FINISHING)
def test_a_node_whose_work_is_done_ends_the_launch(name):
    assert reaction(name, 0) == "Shutdown"
    assert reaction(name, 143) == f"{name}-1 failed with exit code 143"
    assert reaction(name, 143, is_shutdown=True) == "Shutdown"


@pytest.mark.parametrize("name", UNWANTED)
def test_a_node_that_leaves_fails_the_launch(name):
    assert reaction(name, 0) == f"{name}-1 ended before the launch, with exit code 0"
    assert reaction(name, -9) == f"{name}-1 failed with exit code -9"
    assert reaction(name, 0, is_shutdown=True) == "Shutdown"
