"""Pause and resumption of a recording through the node's service."""

from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_rig import call, running
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from waiting import until

from der_ros.bags.bag_facts import read_bag_facts
from der_ros.bags.reader import BagReader
from der_ros.control.status import Level
from der_ros.nodes.recording.bag_recorder import BagRecorder
from der_ros.nodes.shared.qos import LATCHED

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

TOPIC = "/assembly_supervisor/attempt"


def ask(node, name, on):
    response = call(node, SetBool, f"bag_recorder/{name}", SetBool.Request(data=on))
    return response.success, response.message


def trigger(node, name):
    response = call(node, Trigger, f"bag_recorder/{name}", Trigger.Request())
    return response.success, response.message.partition(" ")[0]


def texts_of(path, topic=TOPIC):
    with BagReader(path) as reader:
        return [each.message.data for each in reader.messages(topic)]


def has_kept(recorder, data):
    """Return True if the recorder has taken a text, whether it writes it or not."""
    return any(data.encode() in each.data for each in recorder._snapshots._box.contents())


def fault(level):
    status = DiagnosticStatus(
        level=bytes([level]), name="kuka_bridge: robot", message="above 250 N"
    )
    return DiagnosticArray(status=[status])


def test_a_paused_recording_goes_on_after_it(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        info = test.create_publisher(String, "policy/info", LATCHED)
        texts = test.create_publisher(String, TOPIC, 100)
        states = test.create_publisher(DiagnosticArray, "/diagnostics", 10)
        info.publish(String(data="the policy"))
        assert until(
            lambda: (
                recorder._latched
                and texts.get_subscription_count()
                and states.get_subscription_count()
            )
        )
        ok, told = ask(test, "pause", True)
        assert (ok, "expected an open bag" in told) == (False, True)
        _, path = ask(test, "record", True)
        for on, data in ((False, "before"), (True, "meanwhile"), (False, "after")):
            assert ask(test, "pause", on)[0]
            texts.publish(String(data=data))
            assert until(lambda data=data: has_kept(recorder, data))
            (status,) = recorder._collect()
            assert status.level == (Level.WARN if on else Level.OK)
            assert status.message.startswith("paused for " if on else "recording")
            if on:
                states.publish(fault(Level.OK))
                states.publish(fault(Level.ERROR))
                assert until((tmp_path / "bags" / "snapshot_0001").is_dir)
        ok, told = ask(test, "record", False)
        assert ok
        assert told.startswith(f"{path}\nthe recording was paused for ")
    assert texts_of(path) == ["before", "after"]
    assert texts_of(path, "/policy/info") == ["the policy", "the policy"]
    assert texts_of(tmp_path / "bags" / "snapshot_0001") == ["before", "meanwhile"]
    (pause,) = read_bag_facts(Path(path)).pauses
    assert 0.0 < pause.duration_s < 60.0


def test_a_new_bag_is_never_paused(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        texts = test.create_publisher(String, TOPIC, 100)
        assert until(texts.get_subscription_count)
        _, first = ask(test, "record", True)
        assert ask(test, "pause", True)[0]
        _, second = ask(test, "record", True)
        assert recorder._collect()[0].message == "recording"
        texts.publish(String(data="here"))
        assert until(lambda: recorder._recording.messages)
        assert ask(test, "record", False) == (True, second)
    assert (texts_of(first), texts_of(second)) == ([], ["here"])
    assert len(read_bag_facts(Path(first)).pauses) == 1
    assert read_bag_facts(Path(second)).pauses == ()


def test_it_pauses_by_the_names_of_ros2_bag(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        assert trigger(test, "resume") == (False, "nothing")
        assert trigger(test, "is_paused") == (False, "no")
        assert ask(test, "record", True)[0]
        assert trigger(test, "is_paused") == (False, "recording")
        assert trigger(test, "toggle_paused") == (True, "paused")
        assert trigger(test, "is_paused") == (True, "paused")
        assert trigger(test, "resume") == (True, "recording")
        assert trigger(test, "is_paused") == (False, "recording")
        assert trigger(test, "toggle_paused") == (True, "paused")
        assert trigger(test, "toggle_paused") == (True, "recording")
        ok, told = ask(test, "record", False)
        assert ok
        assert "the recording was paused for" in told
