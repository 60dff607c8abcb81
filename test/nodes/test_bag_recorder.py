import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from geometry_msgs.msg import WrenchStamped
from policy_rig import Cell, call, change_state, own_domain, running, until, write_policy
from std_msgs.msg import Float32MultiArray, String
from std_srvs.srv import SetBool

from der_ros.bags.reader import BagReader
from der_ros.bags.replay import Verdict, replay_policy
from der_ros.nodes.bag_recorder import BagRecorder
from der_ros.nodes.common import LATCHED
from der_ros.nodes.policy_server import PolicyServer
from der_ros.policy.runtime import OnnxPolicy

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def _domain(monkeypatch):
    own_domain(monkeypatch)


def record(node, on):
    response = call(node, SetBool, "bag_recorder/record", SetBool.Request(data=on))
    return response.success, response.message


def contents(bag, *topics):
    with BagReader(bag) as reader:
        return [m for m in reader.messages(*topics)]


def test_a_bag_holds_what_came_and_what_is_latched_comes_into_each(tmp_path):
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
            assert until(lambda: recorder._writer.messages == 21)
            assert record(test, False) == (True, path)
            got = contents(path, "/netft_data", "/policy/info")
            assert [m.message.data for m in got if m.topic == "/policy/info"] == ["the policy"]
            forces = [m.message.wrench.force.x for m in got if m.topic == "/netft_data"]
            assert forces == [100.0 * number + i for i in range(20)]
            assert abs(got[0].stamp_ns - time.time_ns()) < 60e9


def test_a_policy_at_work_is_recorded_and_replayed_exactly(tmp_path):
    policy = write_policy(tmp_path / "policy.onnx", gain=0.5)
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
    # Not while the executor still waits for what the node has.
    recorder.destroy_node()
    report = replay_policy(path, OnnxPolicy.load(policy))
    assert report.verdict is Verdict.SAME
    assert report.samples >= 29
    assert report.max_action_difference == 0.0
    (info,) = contents(path, "/policy/info")
    assert json.loads(info.message.data)["sha256"] == OnnxPolicy.load(policy).sha256


def test_numbers_go_on_after_those_that_are_there_and_an_open_bag_is_completed(tmp_path):
    (tmp_path / "bags" / "attempt_0007.part").mkdir(parents=True)
    (tmp_path / "bags" / "attempt_x").mkdir()
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        assert record(test, False) == (True, "")
        _, first = record(test, True)
        _, second = record(test, True)
        assert Path(first).name == "attempt_0008"
        assert Path(second).name == "attempt_0009"
        assert Path(first).is_dir()
    # The end of the node completed the second one too.
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
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_one(parameters, named):
    command = [sys.executable, "-m", "der_ros.nodes.bag_recorder", "--ros-args", *parameters]
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
        assert until(lambda: recorder._writer.messages == 1)
        record(test, False)
    (message,) = contents(path, "/policy/action")
    assert message.message.data.tolist() == [
        0.10000000149011612,
        -9.99994610111476e-41,
        float("inf"),
    ]
