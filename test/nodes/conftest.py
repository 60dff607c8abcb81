"""Fixtures of tests that start nodes."""

import pytest
from isolation import block


@pytest.fixture
def own_domain(monkeypatch):
    """Use a separate ROS domain for one test.

    A lifecycle node's services live until the node is garbage-collected, and must not be seen by
    the next test.
    """
    monkeypatch.setenv("ROS_DOMAIN_ID", str(block().other_domain()))
