"""Recording of identify_payload: wrenches with fresh poses from running topics."""

import threading
import time

import pytest
import rclpy
from geometry_msgs.msg import PoseStamped, WrenchStamped

from der_ros.nodes.tools.payload_recorder import record


@pytest.mark.ros
def test_wrenches_come_with_the_pose_of_that_time():
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    other = rclpy.create_node("other", context=context)
    wrenches = other.create_publisher(WrenchStamped, "netft_data", 10)
    poses = other.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
    end = threading.Event()

    def publish():
        pose, wrench = PoseStamped(), WrenchStamped()
        pose.pose.position.x, wrench.wrench.force.z = 2.0, 5.0
        while not end.wait(0.01):
            poses.publish(pose)
            wrenches.publish(wrench)

    thread = threading.Thread(target=publish)
    thread.start()
    kept, deadline = [], time.monotonic() + 20.0
    try:
        record(
            "netft_data",
            "kuka/tcp_pose",
            lambda: len(kept) >= 20 or time.monotonic() > deadline,
            lambda wrench, pose, stamp_s: kept.append((wrench, pose, stamp_s)),
        )
    finally:
        end.set()
        thread.join()
        other.destroy_node()
        rclpy.shutdown(context=context)
    assert len(kept) >= 20
    wrench, pose, stamp_s = kept[-1]
    assert (wrench.wrench.force.z, pose.pose.position.x) == (5.0, 2.0)
    assert stamp_s == pytest.approx(time.time(), abs=20.0)
