"""Topics with the taught worker's world: an image for the operator, and the state as numbers."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from der_ros.control.frame_names import TASK_FRAME
from der_ros.geometry import Wrench
from der_ros.nodes.shared.conversions import pose_to_message, wrench_to_message
from der_ros.training.rollout.takeover import TaughtView

_ENLARGED = 2


class TaughtFilm:
    """Publisher of ``teleop/image`` (sensor_msgs/Image): picture, distance and wrench over time.

    Args:
        node: Publishing node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._views: list[TaughtView] = []  # views of the current episode
        self._publisher = node.create_publisher(Image, "teleop/image", 1)

    @property
    def is_watched(self) -> bool:
        """True while the image has a subscriber."""
        return bool(self._publisher.get_subscription_count() > 0)

    def show(self, view: TaughtView, state: str) -> None:
        """Publish the image of a view.

        Args:
            view: View of the taught worker, newer than the last one.
            state: Current actor and, after a colon, the next step for the operator.
        """
        self._views = [each for each in self._views if each.episode == view.episode]
        self._views.append(view)
        pixels = self._pixels(state)
        height, width, _ = pixels.shape
        image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
        image.header.stamp = self._node.get_clock().now().to_msg()
        image.data = pixels.tobytes()
        self._publisher.publish(image)

    def _pixels(self, state: str) -> NDArray[np.uint8]:
        """Return the picture beside the panel of plots, as in the videos of ``evaluate``."""
        from der_ros.envs.video_panel import Moment, draw_panel  # imports the physics engine

        picture = self._views[-1].picture.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
        moments = [Moment(*view[2:5], view.wrench.astype(np.float64)) for view in self._views]
        title, _, subtitle = state.partition(": ")
        panel = draw_panel(title, subtitle, moments, len(picture))
        return np.concatenate([picture, panel], axis=1)


class TaughtState:
    """Publisher of ``teleop/pose``, ``teleop/goal_pose`` and ``teleop/wrench``.

    Args:
        node: Publishing node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pose = node.create_publisher(PoseStamped, "teleop/pose", 1)
        self._goal = node.create_publisher(PoseStamped, "teleop/goal_pose", 1)
        self._wrench = node.create_publisher(WrenchStamped, "teleop/wrench", 1)

    @property
    def is_watched(self) -> bool:
        """True while one of the topics has a subscriber."""
        publishers = (self._pose, self._goal, self._wrench)
        return any(publisher.get_subscription_count() > 0 for publisher in publishers)

    def show(self, view: TaughtView) -> None:
        """Publish the state of a view."""
        stamp = self._node.get_clock().now().to_msg()
        self._pose.publish(pose_to_message(view.piece, TASK_FRAME, stamp))
        self._goal.publish(pose_to_message(view.goal, TASK_FRAME, stamp))
        wrench = Wrench.from_array(view.wrench.astype(np.float64))
        self._wrench.publish(wrench_to_message(wrench, TASK_FRAME, stamp))
