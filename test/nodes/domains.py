"""ROS domains of this process; the other workers of the same test run have others."""

import itertools
import os

# Domain 0 is everybody's; those above 101 take the ports of ordinary programs.
_FIRST, _BEHIND = 1, 102
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OWN = range(_FIRST + _WORKER, _BEHIND, _WORKERS)
# Another test run on this host begins elsewhere.
_NUMBERS = itertools.count(7 * os.getpid())


def next_domain():
    """Return a domain that this process has not used for long."""
    return str(_OWN[next(_NUMBERS) % len(_OWN)])
