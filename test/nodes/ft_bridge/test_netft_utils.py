"""Compatibility with netft_utils: topics, limits and services, without its known defects."""

import sys
import types
from types import SimpleNamespace as Record

import numpy as np
import pytest
from ft_rig import TRUTH, bench, figures, newest, numbers, ready
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node
from std_msgs.msg import Bool, Empty
from waiting import until

from der_ros.drivers.netft.faulty_link import BoxFaults
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2
from der_ros.geometry import Wrench

pytestmark = pytest.mark.ros

TOPICS = ("raw_world", "transformed_world", "transformed_tool")
ON_ITS_SIDE = [0.0, 0.5**0.5, 0.0, 0.5**0.5]  # the sensor's x axis points down
WORLD = np.array((30.0, -2.0, -1.0, -0.3, 0.2, -0.1))  # TRUTH in world axes then


def listen(client, *topics):
    for topic in topics:
        client.listen(WrenchStamped, topic, 100)


def heard(client, topic):
    return numbers(client.last[topic])


class Arm:
    """Publishes poses with the sensor on its side, at 100 Hz."""

    def __init__(self, client, frame="base_link", topic="kuka/tcp_pose"):
        self.frame, self.delay_s = frame, 0.0
        self._client = client
        self._publisher = client.create_publisher(PoseStamped, topic, 10)
        self.timer = client.create_timer(0.01, self._publish)

    def _publish(self):
        message = PoseStamped()
        message.header.frame_id = self.frame
        stamp_ns = self._client.get_clock().now().nanoseconds - int(1e9 * self.delay_s)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        q = message.pose.orientation
        q.x, q.y, q.z, q.w = ON_ITS_SIDE
        self._publisher.publish(message)


def orientation_said(client):
    message = client.last.get("/diagnostics")
    return "" if message is None else message.status[1].message


def test_topics_with_a_fixed_orientation():
    parameters = {
        "orientation_source": "fixed",
        "world_from_sensor": ON_ITS_SIDE,
        "world_frame": "world",
        "tcp_from_sensor": [0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 1.0],
        "dead_band": [1.5, 0.0, 0.0, 0.0, 0.0, 0.0],
    }
    with bench(**parameters) as (_, client):
        listen(client, *TOPICS)
        assert until(lambda: all(topic in client.last for topic in TOPICS))
        np.testing.assert_allclose(heard(client, "raw_world"), WORLD, atol=1e-5)
        np.testing.assert_allclose(heard(client, "transformed_world"), WORLD, atol=1e-5)
        # The lever of 0.1 m adds (0.1 * 2, 0.1 * 1, 0) Nm; 1 N along x is within the dead-band.
        tool = (0.0, -2.0, 30.0, 0.3, 0.3, -0.3)
        np.testing.assert_allclose(heard(client, "transformed_tool"), tool, atol=1e-5)
        frames = [client.last[topic].header.frame_id for topic in TOPICS]
        assert frames == ["world", "world", "tcp"]


def test_the_tool_topic_follows_when_biased():
    # In netft_utils, transformed_tool is stale once the sensor is biased.
    parameters = {"orientation_source": "fixed", "world_from_sensor": ON_ITS_SIDE}
    with bench(**parameters) as (_, client):
        listen(client, *TOPICS)
        assert until(lambda: client.count.get("transformed_tool", 0) > 20)
        assert client.trigger("bias").success
        for topic in ("transformed_tool", "transformed_world"):
            assert until(lambda: np.abs(heard(client, topic)).max() < 1e-4)  # noqa: B023
        np.testing.assert_allclose(heard(client, "raw_world"), WORLD, atol=1e-5)


def test_a_stale_orientation_is_reported_and_not_used():
    with bench() as (_, client):
        listen(client, *TOPICS)
        arm = Arm(client)
        assert until(lambda: "transformed_world" in client.last)
        np.testing.assert_allclose(heard(client, "transformed_world"), WORLD, atol=1e-5)
        arm.timer.cancel()
        assert until(lambda: "s old; no wrench in world axes" in orientation_said(client))
        before, of_tool = client.count["transformed_world"], client.count["transformed_tool"]
        assert until(lambda: client.count["transformed_tool"] > of_tool + 20)
        assert client.count["transformed_world"] == before
        assert ready(client)
        arm.timer.reset()
        assert until(lambda: client.count["transformed_world"] > before)


@pytest.mark.parametrize(("frame", "delay_s"), [("task_frame", 0.0), ("base_link", 5.0)])
def test_an_old_or_foreign_pose_does_not_count(frame, delay_s):
    with bench() as (_, client):
        listen(client, *TOPICS)
        arm = Arm(client, frame)
        arm.delay_s = delay_s
        expected = "got 'task_frame'" if frame == "task_frame" else "s old"
        assert until(lambda: expected in orientation_said(client))
        assert "transformed_world" not in client.last


def test_weight_is_taken_off_or_nothing_is_published():
    mass = TRUTH[0] / STANDARD_GRAVITY_MPS2
    with bench(payload_mass_kg=mass) as (_, client):
        assert until(lambda: "no pose on kuka/tcp_pose" in orientation_said(client))
        assert not ready(client)
        assert "netft_data" not in client.last
        Arm(client)
        assert until(lambda: ready(client) and "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), (0.0, *TRUTH[1:]), atol=1e-5)


def test_cancel_while_a_limit_is_exceeded():
    with bench(max_force_n=40.0, max_force_biased_n=0.5) as (box, client):
        client.listen(Bool, "cancel")
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        assert "cancel" not in client.last
        held = TRUTH * 2.0  # 60 N
        box._source = lambda: wrench(held)
        assert until(lambda: "cancel" in client.last and client.last["cancel"].data)
        # It keeps publishing as long as the force lasts.
        assert until(lambda: client.count["cancel"] > 10)
        # The bias is a mean of 50 readings, of which none may be an earlier one.
        earlier = client.count["netft_data"]
        assert until(lambda: client.count["netft_data"] > earlier + 60)
        assert client.trigger("bias").success
        assert until(lambda: not client.last["cancel"].data)
        box._source = lambda: wrench(held + np.array((1.0, 0, 0, 0, 0, 0)))
        assert until(lambda: client.last["cancel"].data)


def wrench(values):
    return Wrench.from_array(np.asarray(values))


class Services(dict):
    """Stand-in for ``netft_interfaces`` without rclpy: names of its types, and the handlers."""

    def __init__(self, monkeypatch):
        super().__init__()
        package, srv = types.ModuleType("netft_interfaces"), types.ModuleType("srv")
        kinds = ("SetBias", "SetMax", "SetThreshold", "SetToolData", "GetDouble", "SetFilter")
        for kind in kinds:
            setattr(srv, kind, type(kind, (), {}))
        monkeypatch.setitem(sys.modules, "netft_interfaces", package)
        monkeypatch.setitem(sys.modules, "netft_interfaces.srv", srv)
        real = Node.create_service

        def create(node, kind, name, callback, **options):
            if kind.__name__ not in kinds:
                return real(node, kind, name, callback, **options)
            self[name] = kind.__name__, callback
            return None

        monkeypatch.setattr(Node, "create_service", create)

    def call(self, name, **fields):
        return self[name][1](Record(**fields), Record(success=None, weight=None))

    def agrees(self, name, **fields):
        """Return True if the call succeeds once readings are fresh, which may take a while."""
        return until(lambda: self.call(name, **fields).success)


@pytest.fixture
def services(monkeypatch):
    return Services(monkeypatch)


def test_the_services_are_those_of_netft_utils(services):
    with bench():
        assert {name: kind for name, (kind, _) in services.items()} == {
            "bias": "SetBias",
            "gravity_comp": "SetBias",
            "set_weight_bias": "SetBias",
            "set_max_values": "SetMax",
            "set_threshold": "SetThreshold",
            "set_tool_data": "SetToolData",
            "get_weight": "GetDouble",
            "filter": "SetFilter",
        }


def test_bias_and_max_values_by_service(services):
    with bench() as (box, client):
        client.listen(Bool, "cancel")
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        assert services.agrees("bias", bias=True, force=3.0, torque=0.0)
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)
        assert services.agrees("bias", bias=False, force=0.0, torque=0.0)
        assert until(lambda: np.allclose(newest(client), TRUTH, atol=1e-5))
        # Without a bias the limits without a bias hold again.
        assert "cancel" not in client.last or not client.last["cancel"].data
        assert services.agrees("set_max_values", force=20.0, torque=0.0)
        assert until(lambda: "cancel" in client.last and client.last["cancel"].data)
        box.faults = BoxFaults(silent=True)
        assert until(lambda: not ready(client))
        assert not services.call("bias", bias=True, force=0.0, torque=0.0).success


def test_bias_by_service_is_taken_in_the_box(services):
    with bench(bias_in_box=True) as (box, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        assert services.agrees("bias", bias=True, force=3.0, torque=0.0)
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)
        assert until(lambda: figures(client)["biased"] == "True")
        assert not services.call("bias", bias=False, force=0.0, torque=0.0).success
        box.restart()  # the box loses the bias; one in the node would remain
        assert until(lambda: np.allclose(newest(client), TRUTH, atol=1e-5))


def test_gravity_by_service_needs_a_tilt_and_no_bias(services):
    parameters = {"orientation_source": "fixed", "world_from_sensor": ON_ITS_SIDE}
    with bench(**parameters) as (box, client):
        request = {"bias": True, "force": 0.0, "torque": 0.0}
        assert until(lambda: ready(client) and client.count.get("netft_data", 0) > 60)
        assert not services.call("gravity_comp", **request).success  # 30 N along z
        box._source = lambda: wrench((20.0, 0.0, 0.0, 0.0, 3.0, 0.0))
        assert until(lambda: np.allclose(newest(client)[:1], 20.0))
        settled = client.count["netft_data"] + 60
        assert until(lambda: client.count["netft_data"] > settled)
        assert services.agrees("gravity_comp", **request)
        assert until(lambda: np.abs(newest(client)).max() < 1e-4)
        assert not services.call("gravity_comp", **request).success
        assert services.agrees("gravity_comp", **{**request, "bias": False})
        assert until(lambda: newest(client)[0] == pytest.approx(20.0))
        assert services.agrees("bias", **request)
        assert not services.call("gravity_comp", **request).success
        assert services.agrees("set_tool_data", mass=20.0 / STANDARD_GRAVITY_MPS2, com=0.15)
        assert until(lambda: np.abs(newest(client)).max() < 1e-4)
        assert not services.call("set_tool_data", mass=-1.0, com=0.0).success


def test_weighing_and_dead_band_by_service(services):
    parameters = {"orientation_source": "fixed"}
    with bench(**parameters) as (box, client):
        listen(client, *TOPICS)
        assert until(lambda: ready(client) and "transformed_tool" in client.last)
        assert services.agrees("set_weight_bias", bias=True)
        assert until(lambda: services.call("get_weight").weight == pytest.approx(0.0, abs=1e-3))
        box._source = lambda: wrench(TRUTH + np.array((0, 0, 2 * STANDARD_GRAVITY_MPS2, 0, 0, 0)))
        assert until(lambda: services.call("get_weight").weight == pytest.approx(2000.0, abs=0.1))
        band = WrenchStamped()
        band.wrench.force.y = 2.5
        assert services.agrees("set_threshold", data=band)
        assert until(lambda: heard(client, "transformed_tool")[1] == 0.0)
        box.faults = BoxFaults(silent=True)
        assert until(lambda: np.isnan(services.call("get_weight").weight))
        band.wrench.force.y = float("nan")
        assert not services.call("set_threshold", data=band).success


def test_a_weight_is_zeroed_as_a_bias_is_taken(services, capfd):
    """Refused in contact and during an attempt; a refused bias does not count as a first call."""
    with bench() as (box, client):
        watched = client.create_publisher(Empty, "policy_server/watched", 1)
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        assert services.agrees("bias", bias=True, force=0.0, torque=0.0)
        assert services.agrees("set_weight_bias", bias=True)
        box._source = lambda: wrench(TRUTH + np.array((38.0, 0, 0, 0, 0, 0)))
        assert until(lambda: not services.call("set_weight_bias", bias=True).success)
        assert not services.call("set_weight_bias", bias=False).success
        assert "set_weight_bias refused" in capfd.readouterr().err
        box._source = lambda: wrench(TRUTH)
        assert services.agrees("set_weight_bias", bias=True)

        def refused_in_an_attempt():
            watched.publish(Empty())
            return not services.call("set_weight_bias", bias=True).success

        assert until(refused_in_an_attempt)
        assert "an attempt runs" in capfd.readouterr().err
        assert services.agrees("set_weight_bias", bias=True)


def test_a_filter_by_service_is_right_or_refused(services, capfd):
    with bench() as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        # At 10 Hz the filter of netft_utils is unstable; here t comes from the sensor's rate.
        services.call("filter", filter=True, t=0.002, cutoff_frequency=10.0)
        before = client.count["netft_data"]
        assert until(lambda: client.count["netft_data"] > before + 50)
        np.testing.assert_allclose(newest(client), TRUTH, atol=1e-5)
        services.call("filter", filter=True, t=0.002, cutoff_frequency=95.0)
        assert until(lambda: "cut-off" in capfd.readouterr().err)
        assert ready(client)
        services.call("filter", filter=False, t=0.0, cutoff_frequency=0.0)


def test_without_the_package_there_is_a_trigger():
    with bench() as (_, client):
        assert until(lambda: ready(client))
        assert client.trigger("bias").success
