"""Conversions between ROS messages and poses, twists and wrenches; fixed frames of a cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.node import Node

from der_ros.control.frame_names import BASE_FRAME
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose, Twist, Wrench
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.parameters.shared import BaseFrame, FlangeFrame, SensorFrame, TaskFrame, frame_pose


class CellFrames(NamedTuple):
    """Fixed frames of a cell, equal in all of its nodes.

    Attributes:
        base_from_task: Pose of the task frame in the robot's base frame.
        tcp_from_sensor: Pose of the sensor in the frame of the held piece (TCP).
        base_frame: Name of the robot's base frame in messages.
    """

    base_from_task: Pose
    tcp_from_sensor: Pose
    base_frame: str = BASE_FRAME

    @classmethod
    def declare(cls, node: Node) -> CellFrames:
        """Declare ``task_frame``, ``tcp_from_sensor`` and ``base_frame``, and return the frames.

        Raises:
            ConfigurationError: ``frame_pose`` refuses a pose, or ``base_frame`` is empty.
        """
        task = declare_settings(node, TaskFrame).task_frame
        return cls(
            frame_pose("parameter task_frame", task),
            declare_tcp_from_sensor(node),
            declare_base_frame(node),
        )


def declare_tcp_from_sensor(node: Node) -> Pose:
    """Declare the parameter ``tcp_from_sensor`` (x y z qx qy qz qw) and return the pose.

    Raises:
        ConfigurationError: ``frame_pose`` refuses the value.
    """
    sensor = declare_settings(node, SensorFrame).tcp_from_sensor
    return frame_pose("parameter tcp_from_sensor", sensor)


def declare_base_frame(node: Node) -> str:
    """Declare the parameter ``base_frame`` and return the name of the robot's base frame.

    Raises:
        ConfigurationError: The name is empty.
    """
    name = declare_settings(node, BaseFrame).base_frame
    if not name:
        raise ConfigurationError("parameter base_frame: expected a name, got an empty text")
    return name


def declare_flange_from_tcp(node: Node) -> Pose:
    """Declare the parameter ``flange_from_tcp`` (x y z qx qy qz qw) and return the pose.

    Raises:
        ConfigurationError: ``frame_pose`` refuses the value.
    """
    tool = declare_settings(node, FlangeFrame).flange_from_tcp
    return frame_pose("parameter flange_from_tcp", tool)


def pose_from_message(message: PoseStamped) -> Pose:
    """Return the pose in a message.

    Raises:
        ConfigurationError: A number is not finite, or the quaternion is no rotation.
    """
    return Pose(*pose_numbers_from_message(message))


def pose_numbers_from_message(message: PoseStamped) -> tuple[Array, Array]:
    """Return position (3,), m, and quaternion (4,) xyzw of a message, unchecked."""
    p, q = message.pose.position, message.pose.orientation
    return np.array((p.x, p.y, p.z)), np.array((q.x, q.y, q.z, q.w))


def pose_to_message(pose: Pose, frame_id: str, stamp: Time) -> PoseStamped:
    """Return ``pose`` as a message stamped and expressed in ``frame_id``."""
    message = PoseStamped(pose=pose_to_plain_message(pose))
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    return message


def pose_to_plain_message(pose: Pose) -> PoseMessage:
    """Return ``pose`` as a message without header."""
    message = PoseMessage()
    p, q = message.position, message.orientation
    p.x, p.y, p.z = pose.position.tolist()
    q.x, q.y, q.z, q.w = pose.quaternion.tolist()
    return message


def twist_from_message(message: TwistStamped) -> Twist:
    """Return the twist in a message, unchecked; the motion governor checks it."""
    linear, angular = message.twist.linear, message.twist.angular
    return Twist(
        np.array((linear.x, linear.y, linear.z)), np.array((angular.x, angular.y, angular.z))
    )


def twist_to_message(twist: Twist, frame_id: str, stamp: Time) -> TwistStamped:
    """Return ``twist`` as a stamped message in the axes of ``frame_id``."""
    message = TwistStamped()
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    linear, angular = message.twist.linear, message.twist.angular
    linear.x, linear.y, linear.z = twist.linear.tolist()
    angular.x, angular.y, angular.z = twist.angular.tolist()
    return message


def wrench_from_message(message: WrenchStamped) -> Wrench:
    """Return the wrench (N, Nm) in a message, unchecked."""
    force, torque = message.wrench.force, message.wrench.torque
    return Wrench(np.array((force.x, force.y, force.z)), np.array((torque.x, torque.y, torque.z)))


def wrench_to_message(wrench: Wrench, frame_id: str, stamp: Time) -> WrenchStamped:
    """Return ``wrench`` as a stamped message in the axes and about the origin of ``frame_id``."""
    message = WrenchStamped()
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    force, torque = message.wrench.force, message.wrench.torque
    force.x, force.y, force.z = wrench.force.tolist()
    torque.x, torque.y, torque.z = wrench.torque.tolist()
    return message
