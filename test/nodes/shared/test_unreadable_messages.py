"""Messages whose bytes are not of the topic's type are refused, and every reader goes on."""

import contextlib

import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rsi_bench import bench
from std_msgs.msg import String
from waiting import until

from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.cell_view.node import CellView
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.twins import ALIVE_TOPIC, UniqueName

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

# Truncated, empty, with lengths of 4 GB, and of no known encoding.
JUNK = (b"\0\1\0\0", b"\0\1\0\0\1\0", b"\0\1\0\0" + b"\xff" * 40, b"\xff" * 4 + b"\0" * 400)


def send_junk(client, kind, topic, qos=10):
    """Publish junk once the topic has a reader; return the publisher."""
    publisher = client.create_publisher(kind, topic, qos)
    assert until(lambda: publisher.get_subscription_count() > 0)
    for data in JUNK:
        publisher.publish(data)
    return publisher


def test_junk_is_counted_and_what_follows_is_read():
    with running(lambda: ShellNode("reader")) as (reader, client):
        polled = PolledSubscription(reader, String, "words", 10)
        words = send_junk(client, String, "words")
        words.publish(String(data="a"))
        taken = []
        assert until(lambda: taken.extend(polled.take()) or taken)
        assert [received.message.data for received in taken] == ["a"]
        assert (polled.unreadable, polled.refused, polled.refusal) == (len(JUNK), len(JUNK), "")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("kind", "topic"), [(TwistStamped, "kuka/delta_twist_cmds"), (WrenchStamped, "netft_data")]
)
def test_kuka_bridge_refuses_junk_without_a_fault(kind, topic):
    with bench() as it:
        it.command, it.feeling = None, False
        send_junk(it.client, kind, topic)
        assert until(lambda: f"expected a {kind.__name__}" in it.message())
        assert it.node._motion.fault is None
        it.feeling = True
        it.say(x=0.01)
        assert it.moves()


@pytest.mark.parametrize("topic", ["kuka/tcp_pose", "netft_data", "kuka/limits"])
def test_policy_server_goes_on_after_junk(topic):
    kinds = {"kuka/tcp_pose": PoseStamped, "netft_data": WrenchStamped}
    with running(PolicyServer) as (node, client):
        client.listen(DiagnosticArray, "/diagnostics")
        send_junk(client, kinds.get(topic, DiagnosticStatus), topic, LATCHED_AMONG_OTHERS)
        polled = [*node._inputs._subscriptions.values(), node._bridge_limits]
        assert until(lambda: sum(each.unreadable for each in polled) > 0)
        seen = client.count.get("/diagnostics", 0)
        assert until(lambda: client.count.get("/diagnostics", 0) > seen + 1)


def test_the_supervisor_goes_on_after_junk_of_any_node(tmp_path):
    with (
        running(AssemblySupervisor, run_dir=tmp_path, record="false") as (node, client),
        contextlib.ExitStack() as stack,
    ):
        stack.callback(node.finished.set)
        send_junk(client, DiagnosticArray, "/diagnostics")
        assert until(lambda: node._cell.problem() and node._cell.refused == len(JUNK))


def test_another_drivers_junk_ends_no_reading_thread():
    with running(FtBridge, source="topic", input_topic="other/wrench") as (node, client):
        wrenches = send_junk(client, WrenchStamped, "other/wrench")
        assert until(lambda: node._readings._topic._subscription.unreadable == len(JUNK))
        wrenches.publish(WrenchStamped())
        assert until(lambda: node._readings._topic.taken == 1)
        assert node._readings._topic.failure == ""


def test_the_view_goes_on_after_junk():
    with running(CellView) as (node, client):
        send_junk(client, PoseStamped, "kuka/tcp_pose")
        assert until(lambda: node._poses.unreadable > 0)
        drawn = []
        draw = node._draw
        node._timer.callback = lambda: (draw(), drawn.append(1))
        assert until(lambda: len(drawn) > 3)


def test_junk_among_the_claims_stops_no_node():
    with running(lambda: ShellNode("other")) as (other, client):
        name = UniqueName(other, "other")
        send_junk(client, DiagnosticStatus, ALIVE_TOPIC, LATCHED_AMONG_OTHERS)
        name.refuse_a_twin()
        assert name._claims.unreadable == len(JUNK)
