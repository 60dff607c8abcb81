"""Parameters that several nodes declare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from der_ros.control.frame_names import BASE_FRAME
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.settings import setting

PoseNumbers: TypeAlias = tuple[float, float, float, float, float, float, float]

_IDENTITY: PoseNumbers = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
_FARTHEST_M = 20.0
_ROUNDING = 0.05
_POSE = "x, y, z in m and quaternion x, y, z, w"


@dataclass(frozen=True)
class TaskFrame:
    """Pose of the task frame in the robot's base frame."""

    task_frame: PoseNumbers = setting(
        _IDENTITY,
        "Pose of the task frame (the nominal assembled pose of the held piece) in base_frame: "
        + _POSE,
    )


@dataclass(frozen=True)
class SensorFrame:
    """Pose of the F/T sensor in the frame of the held piece."""

    tcp_from_sensor: PoseNumbers = setting(
        _IDENTITY, f"Pose of the F/T sensor in the frame of the held piece: {_POSE}"
    )


@dataclass(frozen=True)
class BaseFrame:
    """Name of the robot's base frame in messages."""

    base_frame: str = setting(
        BASE_FRAME,
        "frame_id of the robot's base in poses and transforms, as the robot's driver names it",
    )


@dataclass(frozen=True)
class FlangeFrame:
    """Pose of the held piece in the flange frame."""

    flange_from_tcp: PoseNumbers = setting(
        (0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0),
        f"Pose of the held piece in the flange frame: {_POSE}",
    )


def frame_pose(name: str, numbers: Sequence[float]) -> Pose:
    """Return the pose of a frame of the cell.

    Raises:
        ConfigurationError: The position is farther away than any robot reaches, as one in
            millimetres is, or the quaternion is not of length 1.
    """
    pose = Pose.from_sequence(numbers, name)
    if not max(abs(value) for value in numbers[:3]) <= _FARTHEST_M:
        raise ConfigurationError(
            f"{name}: expected x, y, z in m, at most {_FARTHEST_M:g}, got {list(numbers[:3])}"
        )
    length = math.hypot(*numbers[3:])
    if not abs(length - 1.0) <= _ROUNDING:
        raise ConfigurationError(
            f"{name}: expected a quaternion x, y, z, w of length 1, got {length:g}"
        )
    return pose


CELL_FRAMES = (TaskFrame, SensorFrame, BaseFrame)


@dataclass(frozen=True)
class RightfulSources:
    """Nodes outside the stack that may provide its topics and services."""

    rightful_sources: tuple[str, ...] = setting(
        ("",),
        "Allowed sources besides the stack's own nodes, each 'NAME NODE ...': a topic or service "
        "and the nodes that may publish or offer it; * as NODE: any node; ? as NODE: one node of "
        "any name; * as NAME: every topic and service",
    )


@dataclass(frozen=True)
class JointNames:
    """Joint, topic and link names of a ros2_control system."""

    joint_names: tuple[str, ...] = setting(
        tuple(f"lbr_A{number}" for number in range(1, 8)),
        "Joints of the arm, in the order of the position controller's parameter joints",
    )
    states_topic: str = setting("joint_states", "JointState topic of joint_state_broadcaster")
    command_topic: str = setting(
        "forward_position_controller/commands",
        "Float64MultiArray topic of the position controller: one position for each joint, rad",
    )
    description_topic: str = setting(
        "robot_description", "String topic on which robot_state_publisher latches the URDF"
    )
    base_link: str = setting("lbr_link_0", "Link of the URDF that poses are given in")
    tip_link: str = setting("lbr_link_ee", "Link of the URDF that carries the tool")
