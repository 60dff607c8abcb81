"""Orientation of the sensor in the world: from the tool's pose, fixed, or unknown."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from der_ros.control.stamps import stamp_age_s, stamp_ns
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, quaternion_canonical, quaternion_multiply
from der_ros.nodes.shared.conversions import declare_base_frame, pose_from_message
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import ANY_ONE, RightfulTopic
from der_ros.parameters.ft_bridge import OrientationParameters

_BRIDGES_TOPIC = "kuka/tcp_pose"


def owner_of_poses(topic: str) -> str:
    """Return the node that may publish the tool's pose on ``topic``.

    It is ``kuka_bridge`` for its own topic, and any one node for another topic.
    """
    return "kuka_bridge" if topic == _BRIDGES_TOPIC else ANY_ONE


class SensorOrientation:
    """Orientation of the sensor, or the reason why it is unknown. For use in one thread.

    Args:
        node: Node that declares the parameters and subscribes.
        tcp_from_sensor: Pose of the sensor in the tool frame.
        rightful: Watch over the pose topic.

    Attributes:
        reason: Reason why the orientation is unknown; empty if it is known.
        world_frame: Name of the world frame.
    """

    def __init__(self, node: Node, tcp_from_sensor: Pose, rightful: RightfulTopic) -> None:
        base = declare_base_frame(node)
        parameters = declare_settings(node, OrientationParameters, {"world_frame": base})
        self._timeout_s, self.world_frame = parameters.orientation_timeout_s, parameters.world_frame
        source, fixed = parameters.orientation_source, np.array(parameters.world_from_sensor)
        self._fixed = quaternion_canonical(fixed) if source == "fixed" else None
        self._node, self._tcp_from_sensor = node, tcp_from_sensor
        self._poses = (
            PolledSubscription(node, PoseStamped, rightful.topic, 1, rightful=rightful)
            if source == "topic"
            else None
        )
        self._newest: Array | None = None
        self._measured_s = float("-inf")
        awaited = f"no pose on {rightful.topic} yet"
        self._none = awaited if source == "topic" else "orientation_source: none"
        self.reason = self._none

    @property
    def refused_stamps(self) -> int:
        """Number of poses refused for an invalid stamp."""
        return 0 if self._poses is None else self._poses.refused_stamps

    def now(self) -> Array | None:
        """Return the sensor's orientation in the world, quaternion (4,) xyzw; None if unknown.

        ``reason`` then names the cause. A pose older than the timeout is not used. Its age counts
        from its stamp or, if the stamp is zero, from its arrival, and grows with the steady clock.
        """
        if self._poses is None:
            return self._fixed
        received = self._poses.newest()
        if received is not None:
            self._accept(received.message, received.arrived_s)
        if self._newest is None:
            self.reason = self._poses.refusal or self.reason
            return None
        age_s = time.monotonic() - self._measured_s
        if -self._timeout_s <= age_s <= self._timeout_s:
            self.reason = ""
            return self._newest
        self.reason = f"the pose is {age_s:.2f} s old"
        return None

    def _accept(self, message: Any, arrived_s: float) -> None:
        frame = message.header.frame_id
        if frame != self.world_frame:
            self._newest = None
            self.reason = f"expected poses in frame {self.world_frame}, got {frame!r}"
            return
        self._newest, self.reason = None, "the pose is not finite or no rotation"
        with suppress(ConfigurationError):
            quaternion = pose_from_message(message).quaternion
            self._newest = quaternion_multiply(quaternion, self._tcp_from_sensor.quaternion)
        stamp, self._measured_s = message.header.stamp, arrived_s
        if stamp_ns(stamp):
            self._measured_s = time.monotonic() - stamp_age_s(
                self._node.get_clock().now().nanoseconds, stamp
            )
