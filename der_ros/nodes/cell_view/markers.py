"""Markers of the cell for RViz and Foxglove: arm, pieces, workspace, force and phase.

All objects have their true size. The force is an arrow at the sensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from der_ros.drivers.arm.links import Links
from der_ros.geometry import Array, Pose, Wrench, rotation_matrix
from der_ros.nodes.shared.conversions import pose_to_plain_message
from der_ros.policy.governor import GovernorLimits
from der_ros.tasks.pieces import Box, Part, Piece

FORCE_RGBA = (0.85, 0.1, 0.1, 1.0)
WORKSPACE_RGBA = (0.2, 0.5, 0.9, 0.15)
TEXT_RGBA = (1.0, 1.0, 1.0, 1.0)
TEXT_HEIGHT_M = 0.04
_SHAFT_M, _HEAD_M = 0.006, 0.012


def arm_markers(links: Links, angles_rad: Sequence[float]) -> list[Marker]:
    """Return a cylinder marker for each shape of the arm's links, in the base frame.

    Args:
        links: Links of the arm.
        angles_rad: Joint angles, shape (joints,), rad.
    """
    frames = links.in_base(angles_rad)
    markers = []
    for link in links.links:
        for shape in link.shapes:
            pose = frames[link.name] @ shape.pose
            size = (2.0 * shape.radius_m, 2.0 * shape.radius_m, shape.length_m)
            markers.append(_marker("arm", Marker.CYLINDER, pose, size, shape.rgba))
    return markers


def piece_markers(namespace: str, piece: Piece, pose: Pose) -> list[Marker]:
    """Return a marker for each part of a piece at ``pose`` in the base frame."""
    return [_part(namespace, part, pose, piece.rgba) for part in piece.parts]


def workspace_marker(limits: GovernorLimits, base_from_task: Pose) -> Marker:
    """Return a box marker of the governor's workspace for the TCP, in the base frame."""
    low, high = np.array(limits.workspace_min_m), np.array(limits.workspace_max_m)
    middle = base_from_task @ Pose(0.5 * (low + high), np.array((0.0, 0.0, 0.0, 1.0)))
    return _marker("workspace", Marker.CUBE, middle, (high - low).tolist(), WORKSPACE_RGBA)


def force_marker(wrench: Wrench, base_from_sensor: Pose, m_per_n: float) -> Marker:
    """Return an arrow marker from the sensor along the force, scaled by ``m_per_n`` (m/N)."""
    marker = _marker("force", Marker.ARROW, Pose.identity(), (_SHAFT_M, _HEAD_M, 0.0), FORCE_RGBA)
    tip = base_from_sensor.position + m_per_n * (
        rotation_matrix(base_from_sensor.quaternion) @ wrench.force
    )
    marker.points = [_point(base_from_sensor.position), _point(tip)]
    return marker


def text_marker(text: str, base_from_text: Pose) -> Marker:
    """Return a text marker that always faces the viewer."""
    size = (0.0, 0.0, TEXT_HEIGHT_M)
    marker = _marker("phase", Marker.TEXT_VIEW_FACING, base_from_text, size, TEXT_RGBA)
    marker.text = text
    return marker


def numbered(markers: Iterable[Marker], frame_id: str) -> list[Marker]:
    """Give each marker a unique identifier and attach it to a frame; return the markers."""
    listed = list(markers)
    for number, marker in enumerate(listed):
        marker.id, marker.header.frame_id = number, frame_id
        marker.frame_locked = True
    return listed


def _part(namespace: str, part: Part, pose: Pose, rgba: Sequence[float]) -> Marker:
    if isinstance(part, Box):
        middle = pose @ Pose(np.array(part.position), np.array((0.0, 0.0, 0.0, 1.0)))
        size = [2.0 * half for half in part.half_extents]
        return _marker(namespace, Marker.CUBE, middle, size, rgba)
    marker = _marker(namespace, Marker.TRIANGLE_LIST, pose, (1.0, 1.0, 1.0), rgba)
    marker.points = [_point(corner) for corner in _triangles(part.sections())]
    return marker


def _triangles(sections: Array) -> Array:
    """Return the triangles of a solid between stacked polygons, shape (3 n, 3).

    Args:
        sections: Corners of the polygons, shape (polygons, corners, 3).
    """
    low, high = sections[:-1], sections[1:]
    low_next, high_next = np.roll(low, -1, axis=1), np.roll(high, -1, axis=1)
    sides = np.stack((low, low_next, high_next, low, high_next, high), axis=2).reshape(-1, 3)
    return np.concatenate((sides, _fan(sections[0][::-1]), _fan(sections[-1])))


def _fan(polygon: Array) -> Array:
    """Return the triangles, shape (3 n, 3), that fill a convex polygon, shape (corners, 3)."""
    first = np.broadcast_to(polygon[0], (len(polygon) - 2, 3))
    fan: Array = np.stack((first, polygon[1:-1], polygon[2:]), axis=1).reshape(-1, 3)
    return fan


def _marker(
    namespace: str, kind: int, pose: Pose, size: Sequence[float], rgba: Sequence[float]
) -> Marker:
    marker = Marker(ns=namespace, type=kind, action=Marker.ADD)
    marker.pose = pose_to_plain_message(pose)
    marker.scale = Vector3(x=float(size[0]), y=float(size[1]), z=float(size[2]))
    red, green, blue, alpha = map(float, rgba)
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
    return marker


def _point(position: Array) -> Point:
    x, y, z = position.tolist()
    return Point(x=x, y=y, z=z)
