"""Refusals of a launch: one line that says why nothing was started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from der_ros.errors import ConfigurationError, printable


def refusal(reason: str) -> RuntimeError:
    """Return the error with which a launch file refuses to start anything."""
    return RuntimeError(printable(f"nothing was started: {reason}"))


@contextmanager
def refusing(subject: str = "", remedy: str = "") -> Iterator[None]:
    """Turn a ``ConfigurationError`` of the ``with`` body into a refusal.

    Args:
        subject: Argument or file that the reason is about; empty if the reason names it.
        remedy: Next step of the user; empty if the reason names it.

    Raises:
        RuntimeError: The body raised a ``ConfigurationError``.
    """
    try:
        yield
    except ConfigurationError as error:
        about = f"{subject}: {error}" if subject else str(error)
        raise refusal(f"{about}; {remedy}" if remedy else about) from error
