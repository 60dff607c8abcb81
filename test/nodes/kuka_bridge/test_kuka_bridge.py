"""The node kuka_bridge with a simulated KRC4 on real sockets."""

import contextlib
import json
import math
import socket

import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from player_rig import NAME, playing
from rclpy.node import Node
from rsi_bench import LOCAL, bench
from std_msgs.msg import String
from waiting import until

from der_ros.control.stamps import stamp_ns
from der_ros.control.wire.wire_record import RobotWire
from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.nodes.shared.key_values import from_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import limits_from_texts

pytestmark = [pytest.mark.ros, pytest.mark.alone]


def test_commands_move_the_robot_and_are_published():
    with bench() as it:
        it.say(x=0.01)
        assert it.moves()
        assert until(lambda: it.applied() == pytest.approx(0.01, abs=1e-6))
        last = it.client.last
        assert last["kuka/tcp_pose"].header.frame_id == "base_link"
        assert last["kuka/twist_applied"].header.frame_id == "task_frame"
        assert next(iter(last["kuka/joint_states"].name)) == "joint_a1"
        assert last["kuka/joint_states"].position[1] == pytest.approx(-math.pi / 2, abs=0.1)
        assert until(lambda: "kuka_bridge: robot" in it.diagnostics())
        assert it.diagnostics()["kuka_bridge: robot"].message == "connected"


def test_telegrams_are_published_on_request():
    with bench(publish_wire=True) as it:
        wires, poses = [], []
        it.client.create_subscription(String, "kuka/wire", wires.append, 100)
        it.client.create_subscription(PoseStamped, "kuka/tcp_pose", poses.append, 100)
        it.say(x=0.01)
        assert it.moves()
        assert until(lambda: len(wires) > 40 and len(poses) > 40)
        told = {stamp_ns(each.header.stamp): each.pose for each in list(poses)}
        found = [RobotWire.from_text(each.data) for each in list(wires)]
    assert any(any(each.correction()) for each in found)
    same = [(each.pose(), told[each.stamp_ns]) for each in found if each.stamp_ns in told]
    assert len(same) > 30
    for pose, published in same:
        p, q = published.position, published.orientation
        assert pose.position.tolist() == [p.x, p.y, p.z]
        assert pose.quaternion.tolist() == [q.x, q.y, q.z, q.w]


def test_bad_commands_leave_the_robot_at_rest():
    with bench() as it:
        for bad in (
            {"x": math.nan},
            {"x": 0.01, "frame": "map"},
            {"x": 0.01, "stamp_s": -1.0},
            {"x": 0.01, "stamp_s": 1.0},
        ):
            it.say(**bad)
            assert it.rests(), bad
        it.say(x=0.01)
        assert it.moves()


def test_a_lost_command_or_sensor_ramps_to_rest():
    with bench() as it:
        it.say(x=0.01)
        assert it.moves()
        it.command = None
        assert it.rests()
        it.say(x=-0.01)
        assert it.moves()
        it.feeling = False
        assert it.rests()
        it.feeling = True
        assert it.moves()


def test_the_base_has_the_name_of_the_robots_driver():
    with bench(base_frame="lbr_link_0") as it:
        it.say(x=0.01, frame="lbr_link_0")
        assert it.moves()
        assert it.client.last["kuka/tcp_pose"].header.frame_id == "lbr_link_0"
        it.say(x=0.01, frame="base_link")
        assert it.rests()


def test_it_tells_the_limits_that_it_holds_to():
    with bench(soft_force_n=20.0) as it:
        it.client.listen(String, "kuka/governor_limits", LATCHED)
        assert until(lambda: "kuka/governor_limits" in it.client.last)
        told = GovernorLimits(**json.loads(it.client.last["kuka/governor_limits"].data))
        assert (told.soft_force_n, told.hard_force_n) == (20.0, 500.0)
        it.client.listen(DiagnosticStatus, "kuka/limits", LATCHED)
        assert until(lambda: "kuka/limits" in it.client.last)
        assert limits_from_texts(from_status(it.client.last["kuka/limits"])) == told


@pytest.mark.parametrize(
    ("only", "kind", "topic"),
    [
        ("command_publishers", TwistStamped, "kuka/delta_twist_cmds"),
        ("wrench_publishers", WrenchStamped, "netft_data"),
    ],
)
def test_a_second_publisher_stops_the_robot(only, kind, topic):
    with bench(**{only: "bridge_test"}) as it:
        it.say(x=0.01)
        assert it.moves()
        stranger = Node("stranger", use_global_arguments=False)
        try:
            stranger.create_publisher(kind, topic, 1)
            assert until(lambda: f"{topic} is also published by stranger" in it.message())
            assert it.rests()
            told = it.client.trigger("kuka_bridge/reset_fault")
            assert not told.success
            assert f"not cleared: {topic} is also published by stranger" in told.message
            assert it.rests()
        finally:
            stranger.destroy_node()
        assert until(it.freed)
        assert it.moves()


def test_another_pose_beside_the_bridges_own_stops_it():
    with bench() as it:
        it.say(x=0.01)
        assert it.moves()
        with playing("kuka/tcp_pose"):
            assert until(lambda: f"kuka/tcp_pose is also published by {NAME}" in it.message())
            assert it.rests()
        assert until(it.freed)
        assert it.moves()


def test_stop_latches_until_reset():
    with bench() as it:
        it.say(x=0.01)
        assert it.moves()
        assert it.client.trigger("kuka_bridge/stop").success
        assert it.rests()
        assert until(lambda: "stop" in it.diagnostics()["kuka_bridge: robot"].message)
        assert "cleared" in it.client.trigger("kuka_bridge/reset_fault").message
        assert it.moves()


def test_a_hard_force_latches_before_the_controller():
    with bench(max_correction_mm=1.0) as it:
        it.force_z = 600.0
        it.say(x=0.01)
        assert it.rests()
        it.force_z = 0.0
        # The last force takes effect for another moment.
        assert it.rests()
        assert "hard limit" in it.client.trigger("kuka_bridge/reset_fault").message
        assert it.moves()
        assert it.rests()
        # Moving back is allowed; moving outwards would latch the fault again.
        it.say(x=-0.01)
        assert it.rests()
        assert "1 mm" in it.client.trigger("kuka_bridge/reset_fault").message
        assert it.moves()


def test_a_robot_that_restarts_is_followed():
    with bench() as it:
        it.krc4.reset()
        assert until(lambda: it.krc4.statistics.sessions == 2)
        it.say(x=0.01)
        assert it.moves()


def test_telegrams_without_a_pose_are_no_connection():
    with running(KukaBridge, **LOCAL) as (node, client), _udp() as robot:
        client.listen(DiagnosticArray, "/diagnostics")
        counter = iter(range(12, 10**9, 12))

        def status():
            robot.sendto(
                b"<Rob><IPOC>%d</IPOC></Rob>" % next(counter), ("127.0.0.1", node.link.port)
            )
            told = client.last.get("/diagnostics", DiagnosticArray()).status
            return next((one for one in told if one.name == "kuka_bridge: robot"), None)

        assert until(lambda: (one := status()) is not None and "DEF_RIst" in one.message)
        assert "waiting for" in status().message
        assert {one.key: one.value for one in status().values}["connected"] == "False"


def test_dropped_datagrams_warn_of_the_sender():
    with bench() as it, _udp() as stranger:
        stranger.sendto(b"junk", ("127.0.0.1", it.node.link.port))
        sender = "{}:{}".format(*stranger.getsockname())
        assert until(lambda: sender in it.message())
        assert it.diagnostics()["kuka_bridge: robot"].level == b"\x01"
        it.say(x=0.01)
        assert it.moves()


@contextlib.contextmanager
def _udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp
