"""Broadcast of frames on ``/tf`` and ``/tf_static``, if ``tf2_msgs`` is installed.

ROS 2's wheels lack that package. Poses and markers then show the same frames.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from der_ros.geometry import Pose
from der_ros.nodes.shared.conversions import pose_to_plain_message

_STATIC = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Frame(NamedTuple):
    """Pose of a frame in its parent frame.

    Attributes:
        parent: Name of the parent frame.
        pose: Pose of the frame in the parent frame.
    """

    parent: str
    pose: Pose


def tf_message_class() -> Any:
    """Return the class ``tf2_msgs.msg.TFMessage``, or None if it is not installed."""
    try:
        return importlib.import_module("tf2_msgs.msg").TFMessage
    except ImportError:
        return None


class FrameBroadcaster:
    """Broadcaster of named frames; does nothing if ``available`` is false.

    Args:
        node: Publishing node.
        message_class: Class returned by ``tf_message_class``, or None.

    Attributes:
        available: True if ``tf2_msgs`` is installed.
    """

    def __init__(self, node: Node, message_class: Any) -> None:
        self._message_class = message_class
        self.available = message_class is not None
        if self.available:
            self._moving = node.create_publisher(message_class, "/tf", 100)
            self._fixed = node.create_publisher(message_class, "/tf_static", _STATIC)

    def publish(self, frames: Mapping[str, Frame], stamp: Time) -> None:
        """Publish moving frames on ``/tf``."""
        if self.available and frames:
            self._moving.publish(self._message(frames, stamp))

    def publish_static(self, frames: Mapping[str, Frame], stamp: Time) -> None:
        """Publish static frames, latched; call it once with all of them."""
        if self.available and frames:
            self._fixed.publish(self._message(frames, stamp))

    def _message(self, frames: Mapping[str, Frame], stamp: Time) -> Any:
        return self._message_class(
            transforms=[_transform(name, frame, stamp) for name, frame in frames.items()]
        )


def _transform(name: str, frame: Frame, stamp: Time) -> TransformStamped:
    message = TransformStamped(child_frame_id=name)
    message.header.frame_id, message.header.stamp = frame.parent, stamp
    pose = pose_to_plain_message(frame.pose)
    place = Vector3(x=pose.position.x, y=pose.position.y, z=pose.position.z)
    message.transform = Transform(translation=place, rotation=pose.orientation)
    return message
