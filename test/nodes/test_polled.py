"""A subscription that is looked at: the newest message, once, without the executor."""

import pytest
from bridge_rig import running, until
from geometry_msgs.msg import WrenchStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy

from der_ros.nodes.common import ShellNode
from der_ros.nodes.polled import PolledSubscription

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.mark.ros
def test_the_newest_message_once_and_its_age(monkeypatch):
    with running(lambda: ShellNode("polled_test"), monkeypatch) as (node, client):
        polled = PolledSubscription(node, WrenchStamped, "wrench", NEWEST)
        publisher = client.create_publisher(WrenchStamped, "wrench", 10)
        assert until(lambda: publisher.get_subscription_count() == 1)
        assert polled.take() is None
        for fz in (1.0, 2.0, 3.0):
            message = WrenchStamped()
            message.wrench.force.z = fz
            publisher.publish(message)
        seen = []

        def newest():
            taken = polled.take()
            if taken is not None:
                seen.append(taken)
            return bool(seen) and seen[-1][0].wrench.force.z == 3.0

        assert until(newest)
        assert 0.0 <= seen[-1][1] < 5.0
        assert polled.take() is None
