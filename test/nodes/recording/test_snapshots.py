"""Snapshots of the running recorder: on a fault, a stop and a call, while recording continues."""

import time
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from policy_rig import call, running
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from waiting import until

from der_ros.bags import recorder as recorder_module
from der_ros.bags.black_box import Kept
from der_ros.bags.reader import BagReader
from der_ros.control.status import Level
from der_ros.nodes.recording.bag_recorder import BagRecorder
from der_ros.nodes.shared.qos import LATCHED

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


def snapshot(node):
    response = call(node, Trigger, "bag_recorder/snapshot", Trigger.Request())
    return response.success, response.message


def texts_of(path, topic="/assembly_supervisor/attempt"):
    with BagReader(path) as reader:
        return [each.message.data for each in reader.messages(topic)]


def reason_of(path):
    lines = (Path(path) / "metadata.yaml").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if "snapshot_reason" in line)


def fault(level, name="kuka_bridge: robot"):
    status = DiagnosticStatus(level=bytes([level]), name=name, message="force above 250 N")
    return DiagnosticArray(status=[status])


def test_a_call_without_an_attempt_writes_a_snapshot(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        info = test.create_publisher(String, "policy/info", LATCHED)
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 100)
        info.publish(String(data="the policy"))
        assert until(lambda: recorder._latched and texts.get_subscription_count())
        for number in range(5):
            texts.publish(String(data=str(number)))
        assert until(lambda: len(recorder._snapshots._box.contents()) >= 6)
        ok, path = snapshot(test)
        assert ok
        assert Path(path) == tmp_path / "bags" / "snapshot_0001"
        assert until(Path(path).is_dir)
        assert texts_of(path) == ["0", "1", "2", "3", "4"]
        assert texts_of(path, "/policy/info") == ["the policy"]
        assert "an operator" in reason_of(path)
        assert snapshot(test)[1].endswith("snapshot_0002")


@pytest.mark.alone
def test_a_fault_is_written_within_2_s(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 100)
        states = test.create_publisher(DiagnosticArray, "/diagnostics", 10)
        assert until(lambda: states.get_subscription_count() and texts.get_subscription_count())
        assert call(test, SetBool, "bag_recorder/record", SetBool.Request(data=True)).success
        states.publish(fault(Level.OK))
        texts.publish(String(data="before"))
        assert until(lambda: len(recorder._snapshots._box.contents()) >= 2)
        began_s = time.monotonic()
        states.publish(fault(Level.ERROR))
        assert until((tmp_path / "bags" / "snapshot_0001").is_dir)
        assert time.monotonic() - began_s < 2.0
        texts.publish(String(data="after"))
        assert until(lambda: recorder._recording.messages >= 4)
        bag = call(test, SetBool, "bag_recorder/record", SetBool.Request(data=False)).message
    assert texts_of(tmp_path / "bags" / "snapshot_0001") == ["before"]
    assert "kuka_bridge: robot: force above 250 N" in reason_of(tmp_path / "bags/snapshot_0001")
    assert texts_of(bag) == ["before", "after"]


@pytest.mark.parametrize(("outcome", "count"), [("aborted", 1), ("fault", 1), ("success", 0)])
def test_a_stop_is_written_and_a_success_is_not(tmp_path, outcome, count):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        name = "assembly_supervisor/result"
        results = test.create_publisher(DiagnosticStatus, name, LATCHED)
        assert until(results.get_subscription_count)
        values = [KeyValue(key="outcome", value=outcome)]
        results.publish(DiagnosticStatus(name="attempt", message="stopped", values=values))
        assert until(lambda: any(name in k.topic for k in recorder._snapshots._box.contents()))
        if count:
            assert until((tmp_path / "bags" / "snapshot_0001").is_dir)
            assert f"attempt {outcome}: stopped" in reason_of(tmp_path / "bags/snapshot_0001")
        assert recorder._snapshots._requests.due(time.monotonic() + 60.0) == ""
        assert len(list((tmp_path / "bags").glob("snapshot_*"))) == count


def test_what_ends_with_the_recorder_is_no_fault(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        states = test.create_publisher(DiagnosticArray, "/diagnostics", 10)
        assert until(states.get_subscription_count)
        states.publish(fault(Level.OK))
        states.publish(fault(Level.ERROR))
        assert until(lambda: recorder._snapshots._requests._reasons)
        recorder.close()
        recorder._snapshots.add([Kept(time.monotonic() + 60.0, "/diagnostics", b"")])
    assert list((tmp_path / "bags").glob("snapshot_*")) == []


def test_the_node_outlives_a_full_disk(tmp_path, monkeypatch):
    def refuses(path):
        raise OSError(28, "No space left on device")

    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 100)
        assert until(texts.get_subscription_count)
        texts.publish(String(data="x"))
        assert until(lambda: recorder._snapshots._box.contents())
        with monkeypatch.context() as patch:
            patch.setattr(recorder_module, "open_file", refuses)
            ok, told = snapshot(test)
        assert not ok
        assert "No space left" in told
        assert recorder._collect()[0].level == Level.ERROR
        assert snapshot(test)[0]
        assert until(lambda: recorder._collect()[0].level == Level.OK)


def test_with_snapshot_s_0_there_is_none(tmp_path):
    with running(BagRecorder, run_dir=tmp_path, snapshot_s=0.0) as (recorder, test):
        ok, told = snapshot(test)
        assert not ok
        assert "expected snapshot_s above 0" in told
        assert recorder._snapshots.size_bytes == 0
