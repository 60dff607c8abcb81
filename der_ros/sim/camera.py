"""Rendering of a world: close-up views with a translucent ground piece, and views of the arm."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pybullet
from numpy.typing import NDArray

from der_ros.sim.units import PER_M, scaled

_FIELD_OF_VIEW_DEG = 45.0
# Radius of an arm around the origins of its links, plus a margin.
_ARM_RADIUS_M = 0.12
_NEAR_M, _FAR_M = 0.01, 10.0
# Without shadows: at a few centimetres the renderer's shadows are only patches.
_LIGHT_FROM = (0.6, -0.8, 1.5)
# Supersampling factor per axis: the renderer does no antialiasing.
_OVERSAMPLING = 2
# RGB at the top and at the bottom of the picture.
_BACKGROUND = ((236, 240, 244), (200, 208, 216))
# Opacity of what the ground piece hides.
_SHINE = 0.4


class View(NamedTuple):
    """Viewpoint of a camera, looking at a target.

    Attributes:
        target: Point that the camera looks at, world frame, m.
        distance_m: Distance from the target, m.
        yaw_deg: Rotation about the world's z axis, degrees.
        pitch_deg: Elevation, degrees; negative looks down.
    """

    target: tuple[float, float, float]
    distance_m: float
    yaw_deg: float
    pitch_deg: float


JOINT_VIEW = View((0.0, 0.0, 0.012), 0.24, 38.0, -24.0)
"""View from the side and above in which the joint fills the picture."""


def whole_view(client: int, aspect: float) -> View:
    """Return a view that shows all bodies of the world, arm included.

    Args:
        client: PyBullet client id.
        aspect: Width of the picture divided by its height.
    """
    corners = [
        pybullet.getAABB(body, link, physicsClientId=client)
        for body in range(pybullet.getNumBodies(physicsClientId=client))
        for link in range(-1, pybullet.getNumJoints(body, physicsClientId=client))
    ]
    # The arm's links have no collision shapes, so their bounding boxes are almost points.
    low = np.min(corners, axis=(0, 1)) / PER_M - _ARM_RADIUS_M
    high = np.max(corners, axis=(0, 1)) / PER_M + _ARM_RADIUS_M
    x, y, z = (0.5 * (low + high)).tolist()
    # Largest side view of the bounding box, and the distance at which it fills the picture.
    height, width = float(high[2] - low[2]), float(np.hypot(*(high - low)[:2]))
    half = 0.5 * max(height, width / aspect)
    distance_m = half / math.tan(math.radians(0.5 * _FIELD_OF_VIEW_DEG))
    return View((x, y, z), distance_m, JOINT_VIEW.yaw_deg, -15.0)


def has_display() -> bool:
    """Return True if PyBullet's window can open; opening it without a display ends the process."""
    if not sys.platform.startswith("linux"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(ctypes.c_void_p(display))
    return bool(display)


def look_at_joint(client: int) -> None:
    """Point the camera of PyBullet's window at the joint."""
    view = JOINT_VIEW
    pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0, physicsClientId=client)
    pybullet.resetDebugVisualizerCamera(
        PER_M * view.distance_m,
        view.yaw_deg,
        view.pitch_deg,
        scaled(view.target),
        physicsClientId=client,
    )


def render_rgb(
    client: int, ground: int, view: View = JOINT_VIEW, width: int = 480, height: int = 360
) -> NDArray[np.uint8]:
    """Draw the world without a display.

    Args:
        client: PyBullet client id.
        ground: Body number of the ground piece, which is drawn translucent.
        view: Viewpoint of the camera.
        width: Width of the image, pixels.
        height: Height of the image, pixels.

    Returns:
        RGB image, (height, width, 3) uint8.
    """
    wide, high = width * _OVERSAMPLING, height * _OVERSAMPLING
    whole, bodies = _draw(client, view, wide, high)
    with _hidden(client, ground):
        without, bodies_without = _draw(client, view, wide, high)
    behind = (bodies == ground) & (bodies_without >= 0)
    whole[behind] = (1.0 - _SHINE) * whole[behind] + _SHINE * without[behind]
    np.copyto(whole, _background(wide, high), where=(bodies < 0)[:, :, None])
    # One axis after the other, because numpy takes longer for a mean over both.
    rows = whole.reshape(height, _OVERSAMPLING, wide, 3).sum(axis=1)
    total = rows.reshape(height, width, _OVERSAMPLING, 3).sum(axis=2)
    smooth: NDArray[np.uint8] = np.rint(total / _OVERSAMPLING**2).astype(np.uint8)
    return smooth


def _draw(
    client: int, view: View, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return colours (height, width, 3) and body numbers (height, width), -1 for none."""
    image = pybullet.getCameraImage(
        width,
        height,
        pybullet.computeViewMatrixFromYawPitchRoll(
            scaled(view.target), PER_M * view.distance_m, view.yaw_deg, view.pitch_deg, 0.0, 2
        ),
        pybullet.computeProjectionMatrixFOV(
            _FIELD_OF_VIEW_DEG, width / height, *scaled((_NEAR_M, _FAR_M))
        ),
        lightDirection=_LIGHT_FROM,
        shadow=0,
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    pixels = np.reshape(np.asarray(image[2], dtype=np.float32), (height, width, 4))
    return pixels[:, :, :3], np.reshape(np.asarray(image[4], dtype=np.int32), (height, width))


@contextmanager
def _hidden(client: int, body: int) -> Iterator[None]:
    """Make a body invisible for the duration of the context."""
    shapes = pybullet.getVisualShapeData(body, physicsClientId=client)
    parts = [(shape[1], number, shape[7]) for number, shape in enumerate(shapes)]
    try:
        for link, number, _ in parts:
            pybullet.changeVisualShape(
                body, link, number, rgbaColor=(0, 0, 0, 0), physicsClientId=client
            )
        yield
    finally:
        for link, number, rgba in parts:
            pybullet.changeVisualShape(body, link, number, rgbaColor=rgba, physicsClientId=client)


def _background(width: int, height: int) -> NDArray[np.float32]:
    """Return the background gradient, lighter at the top, (height, width, 3)."""
    top, bottom = np.array(_BACKGROUND, dtype=np.float32)
    share = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top + share * (bottom - top), (height, width, 3))
