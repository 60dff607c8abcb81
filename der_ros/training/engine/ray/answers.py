"""Answers of actors, with this package's errors as they were raised."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayTaskError

from der_ros.errors import DerRosError


def answer_of(reference: Any) -> Any:
    """Wait for an actor's answer and return it.

    Raises:
        DerRosError: The actor raised this error, which is raised here without Ray's traceback.
        RayTaskError: The actor raised another error.
        RayError: The actor is dead.
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, DerRosError):
            raise error.cause from None
        raise
