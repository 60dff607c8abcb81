import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import WrenchStamped
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from policy_rig import Cell, call, change_state, running, write_policy
from std_msgs.msg import Float32MultiArray, String
from std_srvs.srv import SetBool
from waiting import until

from der_ros.bags import recorder as recorder_module
from der_ros.bags.bag_recording import SAVE_S
from der_ros.bags.bag_replay import ReplayVerdict, replay_policy
from der_ros.bags.mcap_file import FileLimits
from der_ros.bags.reader import BagReader
from der_ros.control.status import Level
from der_ros.nodes.kuka_bridge.joint_states import JointStates
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.recording import bag_recorder
from der_ros.nodes.recording.bag_recorder import BATCH_S, BagRecorder
from der_ros.nodes.shared.qos import LATCHED
from der_ros.parameters.bag_recorder import RecorderParameters
from der_ros.policy.runtime import OnnxPolicy

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


def record(node, on):
    response = call(node, SetBool, "bag_recorder/record", SetBool.Request(data=on))
    return response.success, response.message


def contents(bag, *topics):
    with BagReader(bag) as reader:
        return [m for m in reader.messages(*topics)]


def test_each_bag_holds_the_latched_messages(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        info = test.create_publisher(String, "policy/info", LATCHED)
        wrenches = test.create_publisher(WrenchStamped, "netft_data", 100)
        info.publish(String(data="the policy"))
        assert until(lambda: recorder._latched and wrenches.get_subscription_count())
        for number in (1, 2):
            ok, path = record(test, True)
            assert ok
            assert Path(path) == tmp_path / "bags" / f"attempt_{number:04d}"
            assert not Path(path).exists()
            for i in range(20):
                message = WrenchStamped()
                message.wrench.force.x = float(100 * number + i)
                wrenches.publish(message)
            assert until(lambda: recorder._recording.messages == 21)
            assert record(test, False) == (True, path)
            got = contents(path, "/netft_data", "/policy/info")
            assert [m.message.data for m in got if m.topic == "/policy/info"] == ["the policy"]
            forces = [m.message.wrench.force.x for m in got if m.topic == "/netft_data"]
            assert forces == [100.0 * number + i for i in range(20)]
            assert abs(got[0].stamp_ns - time.time_ns()) < 60e9


@pytest.mark.parametrize("history", [(), (1, 3, 1000)])
def test_a_recorded_policy_is_replayed_exactly(tmp_path, history):
    policy = write_policy(tmp_path / "policy.onnx", gain=0.5, history=history)
    with running(PolicyServer, policy=policy, run_dir=tmp_path) as (_, test):
        recorder, cell = BagRecorder(), Cell(test)
        test.executor.add_node(recorder)
        assert change_state(test, "configure")
        ok, path = record(test, True)
        assert ok
        assert change_state(test, "activate")
        for i in range(30):
            cell.pose = [0.01 * i, 0, 0.3 - 0.01 * i, 0, 0, 0, 1]
            seen = len(cell.twists)
            assert until(lambda seen=seen: len(cell.twists) > seen)
        assert change_state(test, "deactivate")
        assert record(test, False) == (True, path)
    # After the executor has ended, since it waits on the node's entities.
    recorder.destroy_node()
    report = replay_policy(path, OnnxPolicy.load(policy))
    assert report.verdict is ReplayVerdict.SAME
    assert report.samples >= 29
    assert report.max_action_difference == 0.0
    (info,) = contents(path, "/policy/info")
    assert json.loads(info.message.data)["sha256"] == OnnxPolicy.load(policy).sha256


def test_a_bag_is_compressed_and_holds_the_files(tmp_path):
    cell = tmp_path / "cell.yaml"
    cell.write_text("/**: {ros__parameters: {}}")
    chosen = {"attachments": f"[{cell}]", "compression": "zstd"}
    with running(BagRecorder, run_dir=tmp_path, **chosen) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 100)
        assert until(texts.get_subscription_count)
        assert record(test, True)[0]
        texts.publish(String(data="x" * 200_000))
        assert until(lambda: recorder._recording.messages)
        _, path = record(test, False)
    with BagReader(path) as reader:
        assert reader.attachments() == {"cell.yaml": cell.read_bytes()}
    assert contents(path, "/assembly_supervisor/attempt")[0].message.data == "x" * 200_000
    assert (Path(path) / "attempt_0001.mcap").stat().st_size < 100_000


def test_a_kill_loses_at_most_half_a_second():
    """A batch that comes just before a save is due waits for the next batch."""
    assert SAVE_S + BATCH_S < 0.5


def test_numbers_go_on_after_the_existing_bags(tmp_path):
    (tmp_path / "bags" / "attempt_0007.part").mkdir(parents=True)
    (tmp_path / "bags" / "attempt_x").mkdir()
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        assert record(test, False) == (True, "")
        _, first = record(test, True)
        _, second = record(test, True)
        assert Path(first).name == "attempt_0008"
        assert Path(second).name == "attempt_0009"
        assert Path(first).is_dir()
    # The node's end also completed the second bag.
    assert contents(second) == []


def test_what_fails_is_answered_and_the_next_bag_works(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        (tmp_path / "bags").write_text("in the way")
        ok, message = record(test, True)
        assert not ok
        assert "cannot be made" in message
        assert record(test, False)[0] is False
        (tmp_path / "bags").unlink()
        assert record(test, True)[0]
        assert record(test, False)[0]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ([], "run_dir"),
        (["-p", "run_dir:=x", "-p", "topics:=['a b c d']"], "topics"),
        (["-p", "run_dir:=x", "-p", "topics:=['a nonsense']"], "std_msgs/msg/String"),
        (["-p", "run_dir:=x", "-p", "topics:=['a my_msgs/msg/Thing']"], "not installed"),
        (["-p", "run_dir:=x", "-p", "attachments:=['missing.yaml']"], "readable file"),
        (["-p", "run_dir:=x", "-p", "compression:=lz77"], "compression"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_one(parameters, named):
    command = [
        sys.executable,
        "-m",
        "der_ros.nodes.recording.bag_recorder",
        "--ros-args",
        *parameters,
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 1
    assert named in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_is_recorded_is_bit_for_bit_what_was_sent(tmp_path):
    # Including a denormal and an infinity.
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        actions = test.create_publisher(Float32MultiArray, "policy/action", 100)
        assert until(actions.get_subscription_count)
        _, path = record(test, True)
        actions.publish(Float32MultiArray(data=[0.1, -1e-40, float("inf")]))
        assert until(lambda: recorder._recording.messages == 1)
        record(test, False)
    (message,) = contents(path, "/policy/action")
    assert message.message.data.tolist() == [
        0.10000000149011612,
        -9.99994610111476e-41,
        float("inf"),
    ]


class HeldFile:
    """A file on a disk that blocks while held, and fails while full."""

    def __init__(self, file):
        self.file, self.free, self.full = file, threading.Event(), False
        self.free.set()

    def write(self, data):
        self.free.wait(30)
        if self.full:
            raise OSError(28, "No space left on device")
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture
def disk(monkeypatch):
    """The files of the bags, newest last."""
    files = []

    def open_file(path):
        files.append(HeldFile(path.open("xb")))
        return files[-1]

    monkeypatch.setattr(recorder_module, "open_file", open_file)
    return files


def is_heard(recorder):
    name = "/assembly_supervisor/attempt"
    return any(t.topic.name == name and t.subscription.publishers() for t in recorder._subscribed)


def publish(publisher, count, length=1000):
    for i in range(count):
        publisher.publish(String(data=str(i) * length))


def test_a_disk_that_stalls_loses_nothing(tmp_path, disk):
    topics = "['assembly_supervisor/attempt std_msgs/msg/String']"
    with running(BagRecorder, run_dir=tmp_path, topics=topics) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 1000)
        assert until(lambda: texts.get_subscription_count() and is_heard(recorder))
        _, path = record(test, True)
        disk[-1].free.clear()
        sent = []

        def waits():
            """Return True if the writer blocks while it flushes to the file."""
            sent.extend(range(10))
            publish(texts, 10)
            return recorder._recording.waiting_bytes > 100_000

        assert until(waits)
        assert recorder._collect()[0].level == Level.OK
        disk[-1].free.set()
        assert until(lambda: recorder._recording.messages == len(sent))
        assert record(test, False) == (True, path)
    assert len(contents(path, "/assembly_supervisor/attempt")) == len(sent)


def test_what_the_buffer_does_not_hold_is_reported(tmp_path, disk):
    topics = "['assembly_supervisor/attempt std_msgs/msg/String']"
    with running(BagRecorder, run_dir=tmp_path, topics=topics, buffer_mb=1) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 1000)
        assert until(lambda: texts.get_subscription_count() and is_heard(recorder))
        _, path = record(test, True)
        disk[-1].free.clear()
        publish(texts, 30, 30_000)
        assert until(lambda: recorder._recording.lost)
        assert recorder._collect()[0].level == Level.WARN
        disk[-1].free.set()
        ok, told = record(test, False)
        assert ok
        assert told.startswith(path + "\n")
        assert "messages were lost: /assembly_supervisor/attempt" in told
    assert (
        "lost_messages /assembly_supervisor/attempt" in (Path(path) / "metadata.yaml").read_text()
    )


def test_a_full_disk_ends_the_bag_and_not_the_node(tmp_path, disk):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        texts = test.create_publisher(String, "assembly_supervisor/attempt", 1000)
        assert until(lambda: texts.get_subscription_count() and is_heard(recorder))
        _, path = record(test, True)
        disk[-1].full = True
        publish(texts, 3)
        assert until(lambda: recorder._failure)
        assert recorder._collect()[0].level == Level.ERROR
        ok, told = record(test, False)
        assert not ok
        assert "No space left" in told
        assert not Path(path).exists()
        assert record(test, True)[0]
        assert recorder._collect()[0].level == Level.OK


def test_a_disk_that_hangs_is_answered_for(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(bag_recorder, "FINISH_PATIENCE_S", 0.2)
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        assert record(test, True)[0]
        disk[-1].free.clear()
        ok, told = record(test, False)
        assert not ok
        assert "the disk has not taken it" in told
        assert "still writing the last one" in record(test, True)[1]
        disk[-1].free.set()
        assert until(lambda: record(test, True)[0])


def test_a_bag_taken_late_is_waited_for_at_the_end(tmp_path, disk, monkeypatch):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        ok, path = record(test, True)
        assert ok
        disk[-1].free.clear()
        with monkeypatch.context() as hasty:
            hasty.setattr(bag_recorder, "FINISH_PATIENCE_S", 0.1)
            assert "the disk has not taken it" in record(test, False)[1]
        threading.Timer(0.3, disk[-1].free.set).start()
        recorder.close()
        assert recorder.exit_code == 0
        assert (Path(path) / "metadata.yaml").is_file()


@pytest.mark.parametrize("asked", [False, True])
def test_a_bag_not_taken_at_the_end_fails_the_node(tmp_path, disk, monkeypatch, asked):
    """Also if the attempt has asked for the bag's end before."""
    monkeypatch.setattr(bag_recorder, "FINISH_PATIENCE_S", 0.1)
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        assert record(test, True)[0]
        disk[-1].free.clear()
        if asked:
            assert not record(test, False)[0]
        recorder.close()
        disk[-1].free.set()
        assert recorder.exit_code == 1


def test_with_too_little_free_no_bag_is_begun(tmp_path):
    with running(BagRecorder, run_dir=tmp_path, min_free_mb=10**9) as (recorder, test):
        ok, told = record(test, True)
        assert not ok
        assert "MB free on its disk (min_free_mb)" in told
        assert recorder._collect()[0].level == Level.ERROR


def test_both_readers_decode_every_recorded_topic(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (recorder, test):
        assert record(test, True)[0]
        sent = set()
        for entry in RecorderParameters().topics:
            name, kind = entry.split()[:2]
            latched = entry.endswith("latched")
            publisher = test.create_publisher(
                bag_recorder._message_class(kind), name, LATCHED if latched else 10
            )
            assert until(publisher.get_subscription_count)
            publisher.publish(filled(kind))
            sent.add("/" + name.lstrip("/"))
        assert until(lambda: recorder._recording.messages >= len(sent))
        ok, path = record(test, False)
        assert ok
    assert {m.topic for m in contents(path, *sent)} == sent
    with (Path(path) / f"{Path(path).name}.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert {c.topic for _, c, _, _ in reader.iter_decoded_messages()} == sent


def filled(kind):
    """Return a message as published by the stack's nodes."""
    if kind == "sensor_msgs/msg/JointState":
        return JointStates().to_message(["joint_a1"], np.zeros(1), 0.0, Time())
    return bag_recorder._message_class(kind)()


def test_the_parameters_split_a_bag():
    form = bag_recorder._form(RecorderParameters(split_s=60.0, split_mb=100))
    assert form.limits == FileLimits(60.0, 100_000_000)
    assert not bag_recorder._form(RecorderParameters()).limits.any
