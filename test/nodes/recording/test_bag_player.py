"""``bag_player`` with a ``policy_server``: play, pause, seek, and no robot motion."""

import contextlib
import tempfile
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
import rclpy
import yaml
from geometry_msgs.msg import PoseStamped, TwistStamped
from policy_rig import call, write_policy
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger
from waiting import until

from der_ros.bags.pauses import PAUSED, Pause, pauses_to_text
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.recording.bag_player import BagPlayer
from der_ros.nodes.shared.node_process import spinning
from der_ros.offline_replay.live.played_bag import read_played_bag, server_parameters

pytestmark = [pytest.mark.ros, pytest.mark.alone, pytest.mark.usefixtures("own_domain")]

BAG = Path(__file__).parents[2] / "replay" / "bags" / "kr60_exact"


def arguments(folder, namespace, policy, given):
    with BagReader(BAG) as reader:
        server = server_parameters(reader, float(given.get("rate", 1.0)), str(policy or ""))
    player = {"bag": str(BAG), **given}
    nodes = {"/**/policy_server": server, "/**/bag_player": player}
    path = Path(folder) / "parameters.yaml"
    path.write_text(yaml.safe_dump({name: {"ros__parameters": nodes[name]} for name in nodes}))
    return ["--ros-args", "-r", f"__ns:={namespace}", "--params-file", str(path)]


@contextlib.contextmanager
def replaying(namespace="/replay", policy=None, **given):
    """Run server and player, with a node that records their messages."""
    with tempfile.TemporaryDirectory() as folder:
        rclpy.init(args=arguments(folder, namespace, policy, given))
    nodes = []
    try:
        nodes += [PolicyServer(), BagPlayer(), Node("_ros2cli_test")]
        with spinning(*nodes):
            yield nodes
            for node in nodes[1::-1]:
                node.close()
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()


def answers(player):
    return 0 if player._replay is None else player._replay.check.answers


def pause(test, on):
    assert call(test, SetBool, "bag_player/pause", SetBool.Request(data=on)).success


def test_a_pause_and_a_jump_back_move_nothing():
    with replaying() as (server, player, test):
        clock, twists = [], []
        test.create_subscription(Clock, "/clock", lambda m: clock.append(m.clock), 100)
        test.create_subscription(TwistStamped, "kuka/delta_twist_cmds", twists.append, 100)
        assert until(lambda: answers(player) > 10, 40.0)
        pause(test, True)
        stood = player._replay.playback.position_s(0.0)
        assert until(lambda: "no pose" in server._skipped or "no wrench" in server._skipped)
        assert player._replay.playback.position_s(0.0) == stood
        assert call(test, Trigger, "bag_player/restart", Trigger.Request()).success
        assert until(lambda: server._active is None)
        assert until(lambda: player._state == "paused before the first tick")
        assert twists[-1].twist == TwistStamped().twist
        pause(test, False)
        assert player.finished.wait(40.0)
        assert player._replay.check.laps == 2
        assert player._replay.check.findings() == []
        assert player.exit_code == 0
        times = [1_000_000_000 * each.sec + each.nanosec for each in clock]
        assert sum(after < before for before, after in pairwise(times)) == 1


def test_in_a_pause_of_the_recording_nothing_is_played(tmp_path):
    bag = without(tmp_path / "paused", 0.8, 1.6)
    with replaying(bag=str(bag)) as (server, player, _test):
        assert until(lambda: "the recording was paused from 0." in player._state, 60.0)
        assert until(lambda: "no pose" in server._skipped or "no wrench" in server._skipped)
        assert player.finished.wait(40.0)
        assert player._replay.check.findings() == []
        assert player.exit_code == 0
        assert any("paused from 0." in line for line in player._replay.check.lines())


def without(target, begin_s, end_s):
    """Copy the bag as if its recording had been paused, in seconds after its first tick."""
    start_ns = read_played_bag(BAG).start_ns
    pause = Pause(start_ns + int(1e9 * begin_s), start_ns + int(1e9 * end_s))
    with BagReader(BAG) as reader:
        topics = [RecordedTopic(name, kind, False) for name, kind in reader.types.items()]
        with BagWriter(target, topics) as writer:
            for topic, at_ns, data in reader.serialized(*reader.topics):
                if not pause.begin_ns < at_ns <= pause.end_ns:
                    writer.write(topic, data, at_ns)
            writer.custom[PAUSED] = pauses_to_text([pause])
    return target


def test_another_policy_is_reported_by_the_exit_code(tmp_path):
    policy = write_policy(tmp_path / "other.onnx", dt=0.06)
    with replaying(policy=policy, junit=str(tmp_path / "replay.xml"), rate=2.0) as (_, player, _):
        assert player.finished.wait(60.0)
        assert player.exit_code == 1
    (failure,) = ElementTree.parse(tmp_path / "replay.xml").getroot().iter("failure")
    assert "differ by more than 1e-05" in failure.attrib["message"]


def test_it_loops_until_it_is_ended():
    with replaying(loop=True, rate=10.0) as (_, player, _):
        assert until(lambda: player._replay is not None and player._replay.check.laps == 3, 60.0)
        assert not player.finished.is_set()
    assert player.exit_code == 0, player._replay.check.findings()


def listen(node):
    node.create_subscription(TwistStamped, "kuka/delta_twist_cmds", print, 1)


@contextlib.contextmanager
def other_bridge():
    node = Node("kuka_bridge")
    try:
        yield node
    finally:
        node.destroy_node()


def publish(node):
    node.create_publisher(PoseStamped, "kuka/tcp_pose", 1)


@pytest.mark.parametrize("appear", [listen, publish])
def test_a_robot_that_appears_ends_the_replay(appear):
    with replaying(loop=True) as (server, player, _):
        assert until(lambda: answers(player) > 5, 40.0)
        with other_bridge() as bridge:
            appear(bridge)
            assert player.finished.wait(20.0)
        assert server._active is None
        assert player.exit_code == 1
        assert any("kuka_bridge" in fault for fault in player._replay.check.faults)


def test_beside_a_robot_nothing_is_played():
    with replaying() as (server, player, _):
        with other_bridge() as bridge:
            listen(bridge)
            assert player.finished.wait(60.0)
        assert player.exit_code == 1
        assert server._counts.ticks == 0


@pytest.mark.parametrize("namespace", ["/", "/cell_1"])
def test_in_the_namespace_of_a_cell_nothing_is_played(namespace):
    with replaying(namespace) as (server, player, _):
        assert player.finished.wait(30.0)
        assert player.exit_code == 1
        assert server._policy is None


def test_a_bag_that_is_not_there_ends_it(tmp_path):
    with replaying(bag=str(tmp_path / "none")) as (_, player, _):
        assert player.finished.wait(30.0)
        assert player.exit_code == 1
