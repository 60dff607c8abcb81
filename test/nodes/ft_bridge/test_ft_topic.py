"""ft_bridge with wrenches from another driver's topic (``ft:=topic``)."""

import contextlib

import numpy as np
import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from ft_rig import figures, newest, ready, said
from geometry_msgs.msg import WrenchStamped
from player_rig import NAME, playing
from rclpy.node import Node
from std_msgs.msg import Bool
from waiting import until

from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.shared.qos import LATCHED

pytestmark = pytest.mark.ros
POSE = "kuka/tcp_pose"


def told(client, name):
    message = client.last.get("/diagnostics")
    found = [] if message is None else message.status
    return "".join(status.message for status in found if status.name == f"ft_bridge: {name}")


def orientation_said(client):
    return told(client, "orientation")


def sources_said(client):
    return told(client, "sources")


class OtherDriver:
    """Publishes 5 N at 100 Hz, with a stamp ``delay_s`` ago, or unstamped for None.

    The force alternates by ``changes_n``.
    """

    def __init__(self, client):
        self.delay_s, self.changes_n = None, 0.0
        self.count = 0
        self._client = client
        self._publisher = client.create_publisher(WrenchStamped, "other/wrench", 10)
        self.timer = client.create_timer(0.01, self._publish)

    def _publish(self):
        message = WrenchStamped()
        if self.delay_s is not None:
            stamp_ns = self._client.get_clock().now().nanoseconds - int(1e9 * self.delay_s)
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        message.wrench.force.z = 5.0 + self.changes_n * (self.count % 2)
        self._publisher.publish(message)
        self.count += 1


@contextlib.contextmanager
def beside_another_driver(**parameters):
    parameters = {"source": "topic", "input_topic": "other/wrench", **parameters}
    with running(FtBridge, **parameters) as (_, client):
        client.listen(WrenchStamped, "netft_data", 100)
        client.listen(Bool, "netft_ready", LATCHED)
        client.listen(DiagnosticArray, "/diagnostics")
        yield OtherDriver(client), client


@pytest.mark.parametrize("delay_s", [None, 0.0])
def test_wrenches_of_another_driver_and_their_end(delay_s):
    with beside_another_driver() as (driver, client):
        driver.delay_s = delay_s
        assert until(lambda: ready(client) and "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), (0, 0, 5, 0, 0, 0))
        driver.timer.cancel()
        assert until(lambda: not ready(client), 2.0)
        assert until(lambda: "no wrench for" in said(client))
        assert not client.trigger("ft_bridge/bias").success
        driver.timer.reset()
        assert until(lambda: ready(client) and said(client) == "reading")


def test_a_driver_that_repeats_its_last_reading():
    """Some drivers go on with the last reading and a new stamp when their sensor is gone."""
    with beside_another_driver(frozen_after_s=0.3) as (driver, client):
        driver.delay_s, driver.changes_n = 0.0, 0.01
        assert until(lambda: ready(client) and "netft_data" in client.last)
        assert not until(lambda: not ready(client), 0.6)
        driver.changes_n = 0.0
        assert until(lambda: not ready(client))
        assert until(lambda: "the same reading to the last count for 0.3 s" in said(client))
        client.count["netft_data"] = 0
        assert not until(lambda: client.count["netft_data"], 0.3)
        driver.changes_n = 0.01
        assert until(lambda: ready(client) and said(client) == "reading")


@pytest.mark.parametrize("delay_s", [0.5, -0.5])
def test_old_and_future_stamps_are_not_taken(delay_s):
    with beside_another_driver() as (driver, client):
        driver.delay_s = delay_s
        assert until(lambda: "other/wrench is" in said(client))
        assert not ready(client)
        assert "netft_data" not in client.last
        assert int(figures(client)["old_stamps"]) > 0
        driver.delay_s = 0.0
        assert until(lambda: ready(client))


def test_two_drivers_on_one_topic_are_a_fault():
    with beside_another_driver() as (_, client):
        assert until(lambda: ready(client))
        stranger = Node("stranger", use_global_arguments=False)
        try:
            wrench = WrenchStamped()
            wrench.wrench.force.z = 500.0
            publisher = stranger.create_publisher(WrenchStamped, "other/wrench", 10)
            assert until(lambda: publisher.publish(wrench) or not ready(client))
            assert until(lambda: publisher.publish(wrench) or "is published by" in said(client))
            assert {"bridge_test", "stranger,"} <= {*said(client).split()}
            # Afterwards the readings of neither publisher are used.
            client.count["netft_data"] = 0
            assert not until(lambda: publisher.publish(wrench) or client.count["netft_data"], 0.5)
        finally:
            stranger.destroy_node()
        assert until(lambda: ready(client) and said(client) == "reading")
        np.testing.assert_allclose(newest(client), (0, 0, 5, 0, 0, 0))


def test_a_foreign_pose_and_attempt_do_not_count():
    parameters = {"rightful_sources": "['']", "payload_mass_kg": 1.0}
    with beside_another_driver(**parameters) as (_, client), playing(POSE, WATCHED_TOPIC):
        assert until(lambda: "is also published" in sources_said(client))
        assert f"{POSE} is also published by {NAME}, expected only kuka_bridge" in sources_said(
            client
        )
        assert "no pose on" in orientation_said(client)
        assert "an attempt runs" not in client.trigger("ft_bridge/bias").message


def test_bias_and_signs_hold_for_it_too():
    signs = [1.0, 1.0, -1.0, 1.0, 1.0, 1.0]
    with beside_another_driver(axis_signs=signs) as (_, client):
        assert until(lambda: "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), (0, 0, -5, 0, 0, 0))
        assert client.trigger("ft_bridge/bias").success
        assert until(lambda: not newest(client).any())


def test_a_filter_needs_to_know_its_rate():
    with beside_another_driver(filter_cutoff_hz=10.0) as (_, client):
        assert until(lambda: "sample_rate_hz" in said(client))
        assert not ready(client)


def test_a_filter_with_its_rate():
    parameters = {"filter_cutoff_hz": 10.0, "sample_rate_hz": 100}
    with beside_another_driver(**parameters) as (_, client):
        assert until(lambda: "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), (0, 0, 5, 0, 0, 0))
