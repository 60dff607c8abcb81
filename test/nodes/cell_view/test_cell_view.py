"""The node cell_view: published messages, and pose and size of each marker."""

import contextlib
import dataclasses
import sys
import types

import numpy as np
import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from visualization_msgs.msg import Marker, MarkerArray
from waiting import until

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.geometry import Pose
from der_ros.nodes.cell_view.frame_broadcaster import FrameBroadcaster, tf_message_class
from der_ros.nodes.cell_view.node import CellView
from der_ros.nodes.shared.conversions import pose_to_message
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits

pytestmark = pytest.mark.ros

AXES = np.radians((-10.5, -71, 107, 0, 54, -160.5))
TASK = [1.35, 0.25, 0.75, 0.0, 0.0, 0.0, 1.0]
HELD = Pose(np.array((1.35, 0.25, 0.80)), np.array((0.0, 0.0, 0.0, 1.0)))
LIMITS = GovernorLimits(workspace_min_m=(-0.01, -0.01, 0.0), workspace_max_m=(0.01, 0.01, 0.05))


def now(node):
    return node.get_clock().now().to_msg()


class Viewer:
    """A viewer of the cell, and the nodes it displays."""

    def __init__(self, node, client):
        self.node, self.client = node, client
        client.listen(MarkerArray, "cell/markers", 1)
        self._joints = client.create_publisher(JointState, "kuka/joint_states", 10)
        self._poses = client.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
        self._wrenches = client.create_publisher(WrenchStamped, "netft_data", 10)
        self._limits = client.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)

    def say(self, force_z=100.0, axes=AXES):
        header = Header(stamp=now(self.client))
        self._joints.publish(JointState(header=header, position=axes.tolist()))
        self._poses.publish(pose_to_message(HELD, "base_link", header.stamp))
        wrench = WrenchStamped(header=header)
        wrench.wrench.force.z = force_z
        self._wrenches.publish(wrench)
        self._limits.publish(to_status("limits", dataclasses.asdict(LIMITS)))

    def markers(self, namespace):
        """Return the newest markers of a namespace, once the whole cell is drawn."""

        def drawn():
            self.say()
            return {"force", "workspace"} <= {marker.ns for marker in self.all()}

        assert until(drawn)
        return [marker for marker in self.all() if marker.ns == namespace]

    def all(self):
        array = self.client.last.get("cell/markers")
        return [] if array is None else array.markers


@contextlib.contextmanager
def view(**parameters):
    with running(CellView, task_frame=TASK, **parameters) as (node, client):
        yield Viewer(node, client)


def at(marker):
    p = marker.pose.position
    return np.array((p.x, p.y, p.z))


def test_the_arm_is_drawn_up_to_its_flange():
    with view() as it:
        arm = it.markers("arm")
        last = arm[-1]  # the rod from the sensor to the piece, 0.28 m along from the flange's start
        flange = kr60_kinematics.forward(AXES)
        ahead = flange @ Pose(np.array((0, 0, 0.4085 - 0.17)), np.array((0, 0, 0, 1.0)))
        assert at(last) == pytest.approx(ahead.position, abs=1e-6)
        assert {marker.header.frame_id for marker in it.all()} == {"base_link"}
        assert len({marker.id for marker in it.all()}) == len(it.all())


def test_pieces_have_their_true_size():
    with view() as it:
        held, ground = it.markers("held"), it.markers("ground")
        assert max(marker.scale.y for marker in held) == pytest.approx(0.0824, abs=0.01)
        assert all(marker.type == Marker.CUBE for marker in (*held, *ground))
        middles = np.array([at(marker) for marker in held])
        assert middles.mean(axis=0)[:2] == pytest.approx(HELD.position[:2], abs=1e-6)


def test_a_peg_is_drawn_by_triangles():
    with view(task="peg_in_hole") as it:
        meshes = [m for m in it.markers("held") if m.type == Marker.TRIANGLE_LIST]
        assert meshes
        assert all(len(marker.points) % 3 == 0 for marker in meshes)


def test_the_force_is_an_arrow_of_its_length():
    with view(force_scale_m_per_n=0.001) as it:
        (arrow,) = it.markers("force")
        tail, head = arrow.points
        assert head.z - tail.z == pytest.approx(0.1)


def test_the_workspace_is_drawn_as_the_governor_has_it():
    with view() as it:
        (box,) = it.markers("workspace")
        assert at(box) == pytest.approx((1.35, 0.25, 0.775))
        assert (box.scale.x, box.scale.z) == pytest.approx((0.02, 0.05))


def test_garbage_is_not_drawn_and_ends_nothing():
    with view() as it:
        before = at(it.markers("arm")[-1])
        for _ in range(5):
            it.say(force_z=float("nan"), axes=np.full(6, np.nan))
            it.say(axes=np.zeros(3))
        assert at(it.markers("arm")[-1]) == pytest.approx(before)


def test_it_describes_the_robot_by_its_drivers_names():
    names = [f"lbr_A{number}" for number in range(1, 8)]
    given = {"robot": "iiwa", "joint_names": names, "base_frame": "lbr_link_0"}
    with view(**given) as it:
        it.client.listen(String, "robot_description", LATCHED)
        assert until(lambda: "robot_description" in it.client.last)
        text = it.client.last["robot_description"].data
        assert all(f'name="{name}"' in text for name in (*names, "lbr_link_0"))


def test_without_tf2_messages_frames_are_left_out():
    with running(CellView, task_frame=TASK) as (_, client):
        client.listen(PoseStamped, "cell/task_frame", LATCHED)
        assert until(lambda: "cell/task_frame" in client.last)
        assert client.last["cell/task_frame"].pose.position.x == 1.35


class Transforms:
    """Stand-in for tf2_msgs/TFMessage on the sending side."""

    def __init__(self, transforms):
        self.transforms = transforms


class Publications:
    """A node whose publishers record their messages, by topic."""

    def __init__(self):
        self.sent = {}

    def create_publisher(self, _kind, topic, _qos):
        keep = self.sent.setdefault(topic, [])
        return types.SimpleNamespace(publish=keep.append)


def test_with_tf2_messages_all_frames_hang_together(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2_msgs", types.ModuleType("tf2_msgs"))
    module = types.ModuleType("tf2_msgs.msg")
    module.TFMessage = Transforms
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)
    assert tf_message_class() is Transforms
    monkeypatch.setattr("der_ros.nodes.cell_view.node.tf_message_class", lambda: None)
    with view() as it:
        it.markers("arm")
        node = Publications()
        FrameBroadcaster(node, Transforms).publish(it.node._moving_frames(), now(it.client))
    (message,) = node.sent["/tf"]
    tree = {each.child_frame_id: each.header.frame_id for each in message.transforms}
    assert tree["flange"] == "link_6"
    assert (tree["link_1"], tree["tcp"]) == ("base_link", "base_link")
