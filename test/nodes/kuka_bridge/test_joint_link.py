"""kuka_bridge with an arm under ros2_control, on its topics."""

import math

import numpy as np
import pytest
from arm_rig import COMMANDS, NAMES, POSTURE, URDF, ArmBench, arm_bench, parameters_of_the_arm
from bridge_rig import process, running
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from waiting import until

from der_ros.control.joint_reader import JointReader
from der_ros.nodes.shared.node_process import ShellNode

pytestmark = [pytest.mark.ros, pytest.mark.alone]


def values(joints):
    return np.array([joints[name] for name in NAMES])


def test_a_twist_moves_joints_in_any_order():
    with arm_bench() as it:
        assert until(lambda: it.client.count.get("kuka/tcp_pose", 0) > 10)
        assert it.commands == []
        it.x = 0.02
        assert it.moves()
        # No jump: the first command equals the arm's position.
        np.testing.assert_array_equal(values(it.commands[0]), values(POSTURE))
        steps = np.diff([values(command) for command in it.commands], axis=0)
        assert np.abs(steps).max() < 0.01
        assert until(lambda: it.applied() == pytest.approx(0.02, abs=1e-4))
        told = it.client.last["kuka/joint_states"]
        assert list(told.name) == NAMES
        assert it.client.last["kuka/tcp_pose"].header.frame_id == "base_link"
        it.x = None
        assert it.rests()
        assert it.fault == ""


BAD = [
    ("missing", lambda it: it.joints.pop("lbr_A3"), "they lack lbr_A3"),
    ("NaN", lambda it: it.joints.update(lbr_A3=math.nan), "NaN or infinite"),
    ("old", lambda it: setattr(it, "stamp_s", -1.0), "stamp is"),
    ("future", lambda it: setattr(it, "stamp_s", 1.0), "in the future"),
    ("silent", lambda it: setattr(it, "telling", False), "no joint states"),
]


@pytest.mark.parametrize(("breaks", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_missing_joint_states_in_motion_are_a_fault(breaks, message):
    with arm_bench() as it:
        it.x = 0.02
        assert it.moves()
        it.following = False
        well = dict(it.joints)
        it.joints = dict(well)
        breaks(it)
        assert until(lambda: message in it.fault), it.fault
        assert not it.node.link.connected
        it.joints, it.telling, it.stamp_s = well, True, 0.0
        assert it.connected()
        assert it.is_left_alone()
        it.following = True
        assert it.reset()
        assert it.moves()


def test_an_arm_that_does_not_follow_is_a_fault():
    with arm_bench() as it:
        it.following = False
        it.x = 0.05
        assert until(lambda: "does not follow" in it.fault), it.fault
        assert it.is_left_alone()
        it.following = True
        assert it.reset()
        assert it.moves()


def test_joints_that_jump_in_motion_are_a_fault():
    with arm_bench() as it:
        it.joints = {name: angle + 0.3 for name, angle in it.joints.items()}
        assert until(lambda: it.figures().get("jumps") == "1")
        assert it.fault == ""
        it.x = 0.02
        assert it.moves()
        it.following = False
        it.joints = {name: angle - 0.3 for name, angle in it.joints.items()}
        assert until(lambda: "jumped by" in it.fault), it.fault
        it.following = True
        assert it.reset()
        assert it.moves()


def test_a_controller_lost_in_motion_is_a_fault():
    with arm_bench() as it:
        it.x = 0.02
        assert it.moves()
        it.active = False
        assert until(lambda: "no controller takes forward_position_controller/commands" in it.fault)
        assert until(lambda: "load and activate it" in it.node.link.waiting_for)
        it.active = True
        assert it.connected()
        assert it.is_left_alone()
        assert it.reset()
        assert it.moves()


def test_a_second_publisher_of_positions_stops_the_arm():
    with arm_bench() as it:
        it.x = 0.02
        assert it.moves()
        rival = Node("rival", use_global_arguments=False)
        rival.create_publisher(Float64MultiArray, COMMANDS, 1)
        assert until(lambda: "also published by rival" in it.fault)
        assert it.rests()
        rival.destroy_node()
        assert until(lambda: it.reset() and it.moves(), 20.0)


def test_two_sources_of_joint_states_are_latched():
    with arm_bench() as it:
        it.x = 0.02
        assert it.moves()
        rival = Node("rival", use_global_arguments=False)
        try:
            publisher = rival.create_publisher(JointState, "joint_states", 10)

            def tell():
                publisher.publish(it.state(it.joints, rival.get_clock().now()))

            assert until(lambda: tell() or "are published by" in it.fault), it.fault
            assert "bridge_test" in it.fault
            assert "rival" in it.fault
            assert it.rests()
        finally:
            rival.destroy_node()
        assert "are published by" in it.fault
        assert until(lambda: it.reset() and it.moves(), 20.0)


def test_a_stop_holds_and_closing_ends_the_commands():
    with arm_bench() as it:
        it.x = 0.02
        assert it.moves()
        it.client.trigger("kuka_bridge/stop")
        assert it.rests()
        assert "stopped by kuka_bridge/stop" in it.fault
        assert it.reset()
        assert it.moves()
        it.node.link.close()
        assert it.is_left_alone()


def test_a_killed_bridges_successor_begins_at_the_arm():
    with running(lambda: ShellNode("bystander")) as (_, client):
        it = ArmBench(None, client)
        it.describe()
        it.x = 0.02
        with process("kuka_bridge", **parameters_of_the_arm()) as child:
            assert until(lambda: len(it.commands) > 30, 60.0)
            child.kill()
        assert it.is_left_alone()
        before, count = values(it.joints), len(it.commands)
        with process("kuka_bridge", **parameters_of_the_arm()):
            assert until(lambda: len(it.commands) > count + 30, 60.0)
        np.testing.assert_array_equal(values(it.commands[count]), before)
        assert np.abs(values(it.joints) - before).max() > 1e-4


def test_a_wrong_description_is_reported():
    with arm_bench(described=False) as it:
        assert it.node.link.waiting_for == "the URDF on robot_description"
        it.describe(URDF.replace("lbr_A7", "lbr_A8"))
        assert until(lambda: "expected those between lbr_link_0" in it.node.link.waiting_for)
        it.describe("<robot/>")
        assert until(lambda: "expected a chain of joints" in it.node.link.waiting_for)
        it.describe()
        assert it.connected()


def test_a_wrong_urdf_file_is_one_line_and_exit_1(tmp_path):
    path = tmp_path / "arm.urdf"
    path.write_text(URDF)
    with arm_bench(described=False, urdf=str(path)) as it:
        assert it.connected()
    urdf = str(tmp_path / "none.urdf")
    with process("kuka_bridge", robot="ros2_control", urdf=urdf) as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert "error: parameter urdf: expected a URDF file" in output
    assert "Traceback" not in output


def test_joints_of_other_devices_are_ignored():
    reader = JointReader(NAMES, 0.15)
    other = JointState(name=["finger"], position=[0.0])
    assert reader.read(other, 0.0, 0) is None
    assert "they name finger" in reader.complaint
    ours = JointState(name=["finger", *NAMES], position=[9.0, *POSTURE.values()])
    reading = reader.read(ours, 0.0, 0)
    np.testing.assert_array_equal(reading.positions_rad, values(POSTURE))
    short = JointState(name=NAMES, position=[0.0])
    assert reader.read(short, 0.0, 0) is None
    assert reader.dropped == {"foreign": 1, "length": 1}
