"""Disks that are full or read-only, for tests."""

import resource
import signal
from contextlib import contextmanager


@contextmanager
def file_limit(size):
    """Refuse more than ``size`` bytes in a file of this process or a child, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
