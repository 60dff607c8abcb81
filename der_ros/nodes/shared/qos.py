"""Quality-of-service profiles that the nodes share."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""QoS for state: a late subscriber receives the newest message."""

LATCHED_AMONG_OTHERS = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""``LATCHED`` for a subscriber that ignores some publishers, deep enough to keep the others."""

RELIABLE_READINGS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
"""QoS for publishers of readings, and for a subscriber that needs each of them."""

READINGS = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
"""QoS for subscribers to readings: the next one arrives before a lost one could be resent."""

SERVICES = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
"""QoS for services: ROS 2's default keeps 10 requests or responses and drops others silently."""
