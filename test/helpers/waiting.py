"""Waiting in tests: by a deadline and a predicate."""

import time


def until(predicate, timeout_s=10.0):
    """Wait until ``predicate`` holds; return False on timeout."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True
