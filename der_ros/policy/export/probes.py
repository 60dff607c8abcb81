"""Observations at which an exported file is compared with torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from der_ros.geometry import Array
from der_ros.policy.policy_view import FRAME_SIZE
from der_ros.policy.symmetry import ROTATION


def usual_observations(
    mean: Array | None, std: Array | None, input_size: int = FRAME_SIZE
) -> Array:
    """Return random inputs within and beyond the range of training, (700, input_size) float64."""
    rng = np.random.default_rng(0)
    centre = np.zeros(input_size) if mean is None else np.asarray(mean)
    spread = np.ones(input_size) if std is None else np.asarray(std)
    near = centre + spread * rng.normal(size=(500, input_size))
    far = centre + 10.0 * spread * rng.normal(size=(200, input_size))
    return np.concatenate((near, far))


def probes(
    mean: Array | None, std: Array | None, clip: float | None, input_size: int = FRAME_SIZE
) -> NDArray[np.float32]:
    """Return usual inputs, inputs at the clipping limits, and inputs of extreme magnitude.

    Args:
        mean: Mean of the filter, (input_size,); None for no filter.
        std: Standard deviation of the filter, (input_size,); None for no filter.
        clip: Bound of the filtered observation; None for no filter.
        input_size: Number of elements in an input.

    Returns:
        Inputs, (N, input_size) float32.
    """
    rng = np.random.default_rng(1)
    usual = usual_observations(mean, std, input_size).astype(np.float32)
    shape = (100, input_size)
    extreme = 10.0 ** rng.uniform(-6, 6, size=shape) * rng.choice((-1.0, 1.0), size=shape)
    one = np.eye(input_size)
    axes = np.concatenate((one, -one, 1e4 * one, np.zeros((1, input_size))))
    rows = [usual, extreme.astype(np.float32), axes.astype(np.float32), _rotated(usual[:500], rng)]
    if mean is not None and std is not None and clip is not None:
        rows += [_edges(np.asarray(mean), np.asarray(std), clip, usual[:50])]
    return np.concatenate(rows)


def _rotated(rows: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the observations with random unit quaternions."""
    rotated: NDArray[np.float32] = rows.copy()
    quaternions = rng.normal(size=(len(rows), 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    rotated[:, ROTATION] = quaternions
    return rotated


def _edges(mean: Array, std: Array, clip: float, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return observations with one element just below, at and just above each clipping limit."""
    edged: list[NDArray[np.float32]] = []
    for column in range(len(mean)):
        for side in (-clip, clip):
            edge = np.float32(mean[column] + side * std[column])
            for value in (
                np.nextafter(edge, np.float32(-np.inf)),
                edge,
                np.nextafter(edge, np.float32(np.inf)),
            ):
                some = rows[len(edged) % len(rows)].copy()
                some[column] = value
                edged.append(some)
    return np.stack(edged)
