"""Invalid stamps on every stamped topic of every node are refused and counted."""

import contextlib

import pytest
from arm_rig import arm_bench
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rsi_bench import bench
from sensor_msgs.msg import JointState
from waiting import until

from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.cell_view.node import CellView
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.recording.bag_recorder import BagRecorder
from der_ros.nodes.shared.qos import LATCHED

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

NOT_STAMPS = ((-1, 0), (-(2**31), 5), (5, 4_000_000_000))

# The rig's client acts as every source.


def publisher(client, kind, topic):
    qos = LATCHED if topic == "sim_cell/goal_pose" else 10
    return client.create_publisher(kind, topic, qos)


def send_wrong(client, kind, topic, frame="base_link"):
    """Send one message with each invalid stamp, once the topic has a reader."""
    wrong = publisher(client, kind, topic)
    assert until(lambda: wrong.get_subscription_count() > 0)
    for sec, nanosec in NOT_STAMPS:
        message = kind()
        message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
        message.header.frame_id = frame
        wrong.publish(message)


def flow(client, topic, message):
    """Create a timer that publishes the message at 100 Hz."""
    right = client.create_publisher(type(message), topic, 10)
    return client.create_timer(0.01, lambda: right.publish(message))


class Told:
    """Records the diagnostics of one node."""

    def __init__(self, client, node):
        self.figures, self.count, self._node = {}, 0, node
        client.create_subscription(DiagnosticArray, "/diagnostics", self._on_message, 10)

    def _on_message(self, message):
        for status in message.status:
            if status.name.startswith(f"{self._node}:"):
                self.count += 1
                self.figures |= {pair.key: pair.value for pair in status.values}

    def counted(self, *keys):
        """Return True if each key has a count, and the node still publishes diagnostics."""
        if not until(lambda: all(int(self.figures.get(key, 0)) > 0 for key in keys), 15.0):
            return False
        seen = self.count
        return until(lambda: self.count > seen)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("kind", "topic", "counter"),
    [
        (TwistStamped, "kuka/delta_twist_cmds", "refused_invalid_stamp"),
        (WrenchStamped, "netft_data", "refused_wrench_stamps"),
    ],
)
def test_kuka_bridge_refuses_and_goes_on(kind, topic, counter):
    with bench() as it:
        told = Told(it.client, "kuka_bridge")
        assert until(lambda: it.node.link.connected)
        # The bridge's queues hold one message, so a valid one would replace the invalid ones.
        it.command, it.feeling = None, False
        send_wrong(it.client, kind, topic, "task_frame")
        assert told.counted(counter)
        it.feeling = True
        assert it.freed()
        it.say(x=0.01)
        assert it.moves()


@pytest.mark.alone
def test_bad_joint_states_are_refused_and_it_goes_on():
    with arm_bench() as it:
        told = Told(it.client, "kuka_bridge")
        send_wrong(it.client, JointState, "joint_states")
        assert told.counted("states_dropped_invalid")
        it.x = 0.02
        assert it.moves()


@pytest.mark.parametrize(
    ("kind", "topic"), [(WrenchStamped, "other/wrench"), (PoseStamped, "kuka/tcp_pose")]
)
def test_ft_bridge_refuses_and_goes_on(kind, topic):
    parameters = {"source": "topic", "input_topic": "other/wrench", "payload_mass_kg": 1.0}
    with running(FtBridge, **parameters) as (_, client):
        told = Told(client, "ft_bridge")
        client.listen(WrenchStamped, "netft_data", 100)
        pose = PoseStamped()
        pose.header.frame_id, pose.pose.orientation.w = "base_link", 1.0
        right = {"other/wrench": WrenchStamped(), "kuka/tcp_pose": pose}
        flows = {name: flow(client, name, message) for name, message in right.items()}
        # A queue keeps only the newest pose, so no valid one may follow the invalid ones.
        flows[topic].cancel()
        send_wrong(client, kind, topic)
        assert told.counted("refused_stamps")
        flows[topic].reset()
        seen = client.count.get("netft_data", 0)
        assert until(lambda: client.count.get("netft_data", 0) > seen)


@pytest.mark.parametrize(
    ("kind", "topic", "counter"),
    [
        (PoseStamped, "kuka/tcp_pose", "pose_refused_stamps"),
        (WrenchStamped, "netft_data", "wrench_refused_stamps"),
    ],
)
def test_policy_server_refuses_and_goes_on(kind, topic, counter):
    with running(PolicyServer) as (_, client):
        told = Told(client, "policy_server")
        send_wrong(client, kind, topic)
        assert told.counted(counter)


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (PoseStamped, "kuka/tcp_pose"),
        (WrenchStamped, "netft_data"),
        (TwistStamped, "kuka/delta_twist_cmds"),
        (PoseStamped, "sim_cell/goal_pose"),
        (DiagnosticArray, "/diagnostics"),
    ],
)
def test_the_supervisor_refuses_and_goes_on(tmp_path, kind, topic):
    with (
        running(AssemblySupervisor, run_dir=tmp_path, record="false") as (node, client),
        contextlib.ExitStack() as stack,
    ):
        stack.callback(node.finished.set)
        told = Told(client, "assembly_supervisor")
        send_wrong(client, kind, topic)
        # Read the cell, as the supervisor's thread does once there is a policy.
        assert until(lambda: node._cell.problem() and node._cell.refused > 0)
        assert told.counted("refused_messages")


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (PoseStamped, "kuka/tcp_pose"),
        (WrenchStamped, "netft_data"),
        (JointState, "kuka/joint_states"),
        (PoseStamped, "sim_cell/goal_pose"),
    ],
)
def test_the_view_goes_on(kind, topic):
    with running(CellView) as (node, client):
        send_wrong(client, kind, topic)
        drawn = []
        draw = node._draw
        node._draw = lambda: (draw(), drawn.append(1))
        node._timer.callback = node._draw
        assert until(lambda: len(drawn) > 3)


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (PoseStamped, "kuka/tcp_pose"),
        (WrenchStamped, "netft_data"),
        (JointState, "kuka/joint_states"),
    ],
)
def test_the_recorder_goes_on(tmp_path, kind, topic):
    with running(BagRecorder, run_dir=tmp_path) as (_, client):
        told = Told(client, "bag_recorder")
        send_wrong(client, kind, topic)
        seen = told.count
        assert until(lambda: told.count > seen + 1)
