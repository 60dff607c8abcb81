"""Qualities of service that the nodes share."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Quality of service for state: a late subscriber still receives the newest message."""

LATCHED_AMONG_OTHERS = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""``LATCHED`` for a subscriber that ignores some publishers: theirs do not push out the others'."""

SERVICES = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
"""For requests and answers: ROS 2's default keeps ten and drops the others silently."""
