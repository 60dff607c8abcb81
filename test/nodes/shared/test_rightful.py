"""One rightful source per topic and service, with real nodes."""

from types import SimpleNamespace

import pytest
from cell_rig import Cell, results
from player_rig import NAME, playing
from policy_rig import call, running
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.shared import rightful
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.rightful import RightfulTopic, SenderVerdict, Succession
from der_ros.nodes.shared.sources import Sources

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]
TOPICS = (
    "kuka/tcp_pose",
    "netft_data",
    "netft_ready",
    "kuka/delta_twist_cmds",
    "policy_server/watched",
    "/diagnostics",
)


class Words:
    """A reader of ``words``, which only the node ``test`` may publish."""

    def __init__(self, node):
        self.topic = RightfulTopic(node, "words", "test")
        self._words = PolledSubscription(node, String, "words", 100, rightful=self.topic)
        self.wrong, self.heard = None, []

    def check(self):
        self.wrong = self.topic.check()
        self.heard += [received.message.data for received in self._words.take()]
        return self.wrong

    def hear(self, word):
        return until(lambda: self.check() or word in self.heard)


@pytest.fixture
def words():
    with running(lambda: ShellNode("reader")) as (reader, test):
        yield Words(reader), test


def say(publisher, word, readers=1):
    assert until(lambda: publisher.get_subscription_count() == readers)
    publisher.publish(String(data=word))


def test_a_foreign_message_is_not_believed_and_named(words):
    it, test = words
    say(test.create_publisher(String, "words", 10), "right")
    assert it.hear("right")
    stranger = Node("stranger", use_global_arguments=False)
    try:
        say(stranger.create_publisher(String, "words", 10), "wrong")
        assert until(it.check)
        assert "words is also published by stranger, expected only test" in it.wrong
        assert until(lambda: it.check() and it.topic.refused == 1)
        assert "wrong" not in it.heard
    finally:
        stranger.destroy_node()
    assert until(lambda: it.check() is None)


def test_the_name_of_another_namespace_is_foreign(words):
    it, _ = words
    stranger = Node("test", namespace="/other", use_global_arguments=False)
    try:
        stranger.create_publisher(String, "/words", 10)
        assert until(it.check)
        assert "/other/test" in it.wrong
    finally:
        stranger.destroy_node()


def test_two_living_publishers_of_one_name_are_found(words):
    it, test = words
    first = test.create_publisher(String, "words", 10)
    say(first, "one")
    assert it.hear("one")
    second = test.create_publisher(String, "words", 10)
    say(second, "two")
    assert it.hear("two")
    # The successor of a node that was killed is no fault.
    assert it.check() is None
    first.publish(String(data="three"))
    assert until(it.check)
    assert "two living nodes of the name test" in it.wrong
    assert "three" not in it.heard
    test.destroy_publisher(first)
    assert until(lambda: it.check() is None)


def test_an_older_source_that_is_heard_again_is_noted():
    it = Succession()
    assert it.takes("arm", b"a")
    assert it.takes("arm", b"b")
    assert not it.living_twice
    assert not it.takes("arm", b"a")
    assert it.living_twice == {"arm": (b"a", b"b")}
    it.forget({b"b"})
    assert not it.living_twice


def test_a_name_may_come_seconds_after_a_message(monkeypatch):
    """Fast DDS repeats a lost message about names after 3 s."""
    passed_s = [100.0]
    monkeypatch.setattr(rightful, "time", SimpleNamespace(monotonic=lambda: passed_s[0]))
    with running(lambda: ShellNode("reader")) as (reader, _):
        topic = RightfulTopic(reader, "words", "test")
        assert topic.judge(b"unheard of") is SenderVerdict.UNDECIDED
        passed_s[0] += 4.0
        assert topic.check() is None
        passed_s[0] += 2.0
        assert "words is also published by a publisher that is no ROS node" in topic.check()
        passed_s[0] += 10.0
        topic.check()
        assert topic.check() is None


def test_names_hold_within_a_namespace():
    with running(lambda: ShellNode("idle")) as (_, test):
        reader = Node("reader", namespace="/cell", use_global_arguments=False)
        try:
            topic = RightfulTopic(reader, "words", "test")
            teller = Node("test", namespace="/cell", use_global_arguments=False)
            teller.create_publisher(String, "words", 10)
            assert until(lambda: topic.check() is None and topic.gids())
            test.create_publisher(String, "/cell/words", 10)
            assert until(topic.check)
            teller.destroy_node()
        finally:
            reader.destroy_node()


def test_a_second_server_of_a_service_is_named():
    with running(lambda: ShellNode("reader")) as (reader, _):
        sources = Sources(reader, {}, {"x/stop": "reader"})
        reader.create_service(Trigger, "x/stop", lambda _, response: response)
        assert sources.check() == ()
        stranger = Node("stranger", use_global_arguments=False)
        try:
            stranger.create_service(Trigger, "x/stop", lambda _, response: response)
            assert until(sources.check)
            assert "service x/stop is also offered by stranger" in sources.wrong[0]
        finally:
            stranger.destroy_node()
        assert until(lambda: not sources.check())


def test_an_unknown_source_in_the_parameter_is_named():
    given = {"rightful_sources": "['kuka/tpc_pose viewer']"}
    unknown = pytest.raises(ConfigurationError, match="kuka/tpc_pose viewer")
    with running(lambda: ShellNode("reader"), **given) as (reader, _), unknown:
        Sources(reader, {"kuka/tcp_pose": "kuka_bridge"}, {})


@pytest.mark.alone
@pytest.mark.parametrize("topic", TOPICS)
def test_a_second_source_ends_the_attempt_named(tmp_path, topic):
    with running(AssemblySupervisor, run_dir=tmp_path, record="false") as (node, test):
        try:
            cell = Cell(test)
            assert until(lambda: "waiting for the service" in node._phase, 20.0)
            call(test, Trigger, "assembly_supervisor/start", Trigger.Request())
            assert until(lambda: cell.active, 20.0)
            cell.blocked = True
            with playing(topic):
                assert until(lambda: results(tmp_path))
            result = results(tmp_path)[0]
            assert (result["outcome"], NAME in result["reason"]) == ("fault", True), result
        finally:
            node.finished.set()


@pytest.mark.alone
def test_beside_a_recording_no_attempt_begins(tmp_path):
    with running(AssemblySupervisor, run_dir=tmp_path, record="false") as (node, test):
        try:
            cell = Cell(test)
            with playing():
                assert until(lambda: NAME in node._cell.fault_text())
                call(test, Trigger, "assembly_supervisor/start", Trigger.Request())
                assert not until(lambda: cell.active or cell.moved_at_s > 0.0, 2.0)
                assert NAME in node._cell.fault_text()
            assert until(lambda: results(tmp_path), 30.0)
        finally:
            node.finished.set()
