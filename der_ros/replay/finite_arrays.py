"""Check of a checkpoint's arrays before training takes them over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import CheckpointError

_LARGEST = float(np.finfo(np.float32).max)


def require_finite(name: str, values: object, least: float = -_LARGEST) -> None:
    """Check that ``values`` is an array of numbers that float32 can hold, none below ``least``.

    Args:
        name: Name of the part of the checkpoint for the error message.
        values: The array as it was read.
        least: Smallest number allowed.

    Raises:
        CheckpointError: Another value; a single NaN would spread through all later training.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise CheckpointError(
            f"checkpoint: {name}: expected an array of numbers, got another value; take an "
            "earlier checkpoint"
        )
    # Negated so that NaN fails too, which both min and max return.
    if values.size and not (least <= values.min() and values.max() <= _LARGEST):
        floor = "" if least == -_LARGEST else f" of at least {least:g}"
        raise CheckpointError(
            f"checkpoint: {name}: expected finite numbers{floor}, got others; take an earlier "
            "checkpoint"
        )


def require_width(name: str, rows: NDArray[np.generic], width: int) -> None:
    """Check that ``rows`` has the shape (rows, width); without a row, any shape will do.

    Args:
        name: Name of the part of the checkpoint for the error message.
        rows: The array as it was read.
        width: Expected length of a row.

    Raises:
        CheckpointError: The rows have another length.
    """
    if len(rows) and rows.shape[1:] != (width,):
        raise CheckpointError(
            f"checkpoint: {name}: expected rows of {width} numbers, got the shape {rows.shape}; "
            "resume with the configuration that the run was started with"
        )
