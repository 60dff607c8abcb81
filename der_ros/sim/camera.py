"""A camera that sees the insertion: from the side and above, close to the crossing."""

from __future__ import annotations

import os
import sys

import numpy as np
import pybullet
from numpy.typing import NDArray

_TARGET = (0.0, 0.0, 0.012)
_DISTANCE_M = 0.24
_YAW_DEG = 38.0
_PITCH_DEG = -22.0
_FIELD_OF_VIEW_DEG = 45.0


def has_display() -> bool:
    """Whether PyBullet's window can open; where it cannot, asking for it ends the process."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))


def look_at_joint(client: int) -> None:
    """Turns the camera of PyBullet's window to the crossing."""
    pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0, physicsClientId=client)
    pybullet.resetDebugVisualizerCamera(
        _DISTANCE_M, _YAW_DEG, _PITCH_DEG, _TARGET, physicsClientId=client
    )


def render_rgb(client: int, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
    """Draws the world without a display.

    Args:
        client: PyBullet's connection.
        width: pixels.
        height: pixels.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    view = pybullet.computeViewMatrixFromYawPitchRoll(
        _TARGET, _DISTANCE_M, _YAW_DEG, _PITCH_DEG, 0.0, 2
    )
    projection = pybullet.computeProjectionMatrixFOV(_FIELD_OF_VIEW_DEG, width / height, 0.01, 2.0)
    image = pybullet.getCameraImage(
        width, height, view, projection, lightDirection=(0.6, -0.8, 1.5), shadow=1,
        renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client,
    )  # fmt: skip
    pixels = np.reshape(np.asarray(image[2], dtype=np.uint8), (height, width, 4))
    return np.ascontiguousarray(pixels[:, :, :3])
