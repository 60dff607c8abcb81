import dataclasses
import json
import logging
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from policy_rig import (
    DT,
    RIGHTFUL,
    Cell,
    call,
    change_state,
    running,
    set_policy,
    until,
    write_policy,
)
from std_msgs.msg import Empty, Float32MultiArray, String
from std_srvs.srv import Trigger

from der_ros.control.status import Level
from der_ros.nodes.policy_server import node as policy_server
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.shared.key_values import from_status, to_status
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.runtime import MAX_FILE_BYTES, OnnxPolicy

pytestmark = [pytest.mark.ros, pytest.mark.in_turn, pytest.mark.usefixtures("own_domain")]

TASK_FRAME = "[0.1,0.2,0.25,0.0,0.0,0.0,1.0]"


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path / "policy.onnx")


def listen(node, kind, topic, qos=100):
    messages = []
    node.create_subscription(kind, topic, messages.append, qos)
    return messages


def health(messages):
    """Return the newest status of policy_server: level, message, figures."""
    for message in reversed(messages):
        for status in message.status:
            if status.name == "policy_server: policy":
                values = {entry.key: entry.value for entry in status.values}
                return Level(status.level[0]), status.message, values
    return None, "", {}


def numbers(message):
    linear, angular = message.twist.linear, message.twist.angular
    return [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]


def test_a_node_that_was_cleaned_up_is_not_configured(policy):
    with running(PolicyServer, policy=policy) as (_, test):
        diagnostics = listen(test, DiagnosticArray, "/diagnostics")
        for name, state in (("configure", "inactive"), ("cleanup", "not configured")):
            assert change_state(test, name)
            assert until(lambda: health(diagnostics)[1] == state)  # noqa: B023


def test_it_acts_at_its_rate_and_stops_with_zero(policy):
    with running(PolicyServer, policy=policy, task_frame=TASK_FRAME) as (_, test):
        cell = Cell(test)
        cell.wrench = [0.0, 0.0, 30.0, 0.0, 0.0, 0.0]
        observations = listen(test, Float32MultiArray, "policy/observation")
        actions = listen(test, Float32MultiArray, "policy/action")
        info = listen(test, String, "policy/info", LATCHED)
        assert change_state(test, "configure")
        assert until(lambda: info)
        assert not cell.twists
        assert change_state(test, "activate")
        assert until(lambda: len(actions) >= 50)
        assert change_state(test, "deactivate")
        assert until(lambda: cell.twists[-1].twist.linear.z == 0.0)
        assert until(lambda: len(observations) == len(actions) == len(cell.twists) - 1)
        seen = len(cell.twists)
        assert not until(lambda: len(cell.twists) > seen, 5 * DT)
    told = json.loads(info[0].data)
    assert told["sha256"] == OnnxPolicy.load(policy).sha256
    assert told["contract"]["control_dt_s"] == DT
    assert told["task_frame"][:3] == [0.1, 0.2, 0.25]
    observation, action = observations[10].data, actions[10].data
    assert observation == pytest.approx([0, 0, 0.05, 0, 0, 0, 1, 0, 0, 30, 0, 0, 0], abs=1e-6)
    assert action == pytest.approx([0, 0, math.tanh(0.05 * 0.05), 0, 0, 0], abs=1e-7)
    assert observations[10].layout.dim[0].label.split() == ["observation", "11"]
    assert actions[10].layout.dim[0].label.split() == ["action", "11"]
    twist = cell.twists[10]
    assert twist.header.frame_id == "task_frame"
    assert twist.twist.linear.z == pytest.approx(0.05 * action[2])
    stamps = [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in cell.twists[:50]]
    assert np.median(np.diff(stamps)) == pytest.approx(DT, rel=0.2)


def test_bad_input_is_not_acted_on(policy):
    with running(PolicyServer, policy=policy) as (_, test):
        cell, diagnostics = Cell(test), listen(test, DiagnosticArray, "/diagnostics")
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        cases = [
            ({"wrench": None}, "no wrench", "skipped_stale"),
            ({"pose": None}, "no pose", "skipped_stale"),
            ({"wrench": [math.nan] * 6}, "not finite", "skipped_not_finite"),
            ({"pose": [0, 0, math.inf, 0, 0, 0, 1]}, "expected finite", "skipped_not_finite"),
            ({"pose": [0] * 7}, "length zero", "skipped_not_finite"),
            ({"wrench_late_s": 0.3}, "0.3", "skipped_unsynchronised"),
            ({"frame": "world"}, "'world'", "skipped_wrong_frame"),
            ({"wrench_late_s": -0.3}, "stamps of pose and wrench", "skipped_unsynchronised"),
        ]
        for changes, reason, counter in cases:
            seen = len(cell.twists)
            assert until(lambda seen=seen: len(cell.twists) > seen + 2), reason
            usual = {name: getattr(cell, name) for name in changes}
            for name, value in changes.items():
                setattr(cell, name, value)
            assert until(
                lambda reason=reason: (
                    health(diagnostics)[0] is Level.WARN and reason in health(diagnostics)[1]
                )
            ), reason
            assert int(health(diagnostics)[2][counter]) > 0
            seen = len(cell.twists)
            assert not until(lambda seen=seen: len(cell.twists) > seen, 4 * DT), reason
            for name, value in usual.items():
                setattr(cell, name, value)
        assert until(lambda: health(diagnostics)[:2] == (Level.OK, "active"))


def test_it_moves_only_while_somebody_watches(policy):
    """This includes a lost response to an activation, after which no node watches."""
    asked = {"policy": policy, "task_frame": TASK_FRAME, "watch_timeout_s": 0.3}
    with running(PolicyServer, **asked) as (_, test):
        cell = Cell(test)
        diagnostics = listen(test, DiagnosticArray, "/diagnostics")
        watched = test.create_publisher(Empty, "policy_server/watched", 1)
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: "no node watches yet" in health(diagnostics)[1])
        assert health(diagnostics)[0] is Level.WARN
        assert not cell.twists
        told_at_s = []

        def tell():
            told_at_s.append(test.get_clock().now().nanoseconds * 1e-9)
            watched.publish(Empty())

        timer = test.create_timer(0.05, tell)
        assert until(lambda: len(cell.twists) > 20)
        timer.cancel()
        assert until(lambda: "no node watches the robot any more" in health(diagnostics)[1])
        assert health(diagnostics)[0] is Level.ERROR
        assert until(lambda: cell.twists[-1].twist.linear.z == 0.0)
        stamp = cell.twists[-1].header.stamp
        # The parameter's time, one tick, and a margin for a busy computer.
        assert 0.25 < stamp.sec + 1e-9 * stamp.nanosec - told_at_s[-1] < 0.3 + DT + 0.5
        # When watched again, it does not continue until it is activated again.
        timer.reset()
        seen = len(cell.twists)
        assert not until(lambda: len(cell.twists) > seen, 10 * DT)
        assert change_state(test, "deactivate")
        assert change_state(test, "activate")
        assert until(lambda: len(cell.twists) > seen + 20)


def test_a_policy_that_gives_nan_is_latched(policy):
    with running(PolicyServer, policy=policy) as (_, test):
        cell, diagnostics = Cell(test), listen(test, DiagnosticArray, "/diagnostics")
        actions = listen(test, Float32MultiArray, "policy/action")
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: len(cell.twists) > 3)
        cell.wrench = [0.0, 7.0, 0.0, 0.0, 0.0, 0.0]
        assert until(lambda: health(diagnostics)[0] is Level.ERROR)
        assert "action" in health(diagnostics)[1]
        assert until(lambda: not any(numbers(cell.twists[-1])))
        cell.wrench = [0.0] * 6
        seen = len(cell.twists)
        assert not until(lambda: len(cell.twists) > seen, 5 * DT)
        assert not call(test, Trigger, "policy_server/reset_fault", Trigger.Request()).success
        assert change_state(test, "deactivate")
        assert not change_state(test, "activate")
        assert call(test, Trigger, "policy_server/reset_fault", Trigger.Request()).success
        assert change_state(test, "activate")
        seen = len(actions)
        assert until(lambda: len(actions) > seen)
        assert np.isfinite([action.data for action in actions]).all()


def broken_files(folder, good):
    """Return invalid files, each with the text that the response must contain."""
    data = good.read_bytes()
    truncated, foreign, huge = (folder / name for name in ("truncated", "foreign", "huge"))
    truncated.write_bytes(data[:-40])
    foreign.write_bytes(b"PK\x03\x04 a picture, a zip, whatever is no ONNX")
    with huge.open("wb") as file:  # sparse: it takes no room
        file.truncate(MAX_FILE_BYTES + 1)
    return {
        truncated: "is truncated or no ONNX",
        foreign: "expected an ONNX",
        huge: "bytes",
        write_policy(folder / "peg.onnx", task="peg_in_hole"): "expected lap_joint",
        write_policy(folder / "nan.onnx", gain=math.nan): "nan",
    }


def test_a_broken_policy_never_replaces_a_working_one(policy, tmp_path):
    with running(PolicyServer, policy=policy) as (_, test):
        info = listen(test, String, "policy/info", LATCHED)
        actions = listen(test, Float32MultiArray, "policy/action")
        cell = Cell(test)
        cell.pose = [0.1, 0.0, 0.0, 0, 0, 0, 1]
        assert change_state(test, "configure")
        for path, reason in broken_files(tmp_path, policy).items():
            answer = set_policy(test, path)
            assert not answer.successful, path
            assert path.name in answer.reason
            assert reason in answer.reason
        assert change_state(test, "activate")
        assert until(lambda: actions)
        assert actions[-1].data[0] == pytest.approx(math.tanh(0.05 * 0.1), abs=1e-6)
        better = write_policy(tmp_path / "better.onnx", gain=0.5)
        answer = set_policy(test, better)
        assert (answer.successful, answer.reason) == (False, "deactivate first")
        assert change_state(test, "deactivate")
        assert {json.loads(message.data)["path"] for message in info} == {str(policy)}
        assert set_policy(test, better).successful
        assert until(lambda: json.loads(info[-1].data)["path"] == str(better))
        seen = len(actions)
        assert change_state(test, "activate")
        assert until(lambda: len(actions) > seen)
        assert actions[-1].data[0] == pytest.approx(math.tanh(0.5 * 0.1), abs=1e-6)


def test_the_contract_is_published_with_its_types(policy):
    with running(PolicyServer, policy=policy) as (_, test):
        told = listen(test, DiagnosticStatus, "policy/contract", LATCHED)
        text = listen(test, String, "policy/info", LATCHED)
        assert change_state(test, "configure")
        assert until(lambda: told and text)
        typed, info = from_status(told[-1]), json.loads(text[-1].data)
        assert typed["sha256"] == info["sha256"]
        assert typed["contract.task"] == "lap_joint"
        limits = [float(number) for number in typed["contract.action_limits"].split()]
        assert limits == info["contract"]["action_limits"]


def test_the_jitter_of_its_rate_is_measured(policy):
    with running(PolicyServer, policy=policy) as (_, test):
        Cell(test)
        diagnostics = listen(test, DiagnosticArray, "/diagnostics")
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: "rms_jitter_ms" in health(diagnostics)[2])
        figures = health(diagnostics)[2]
        assert float(figures["rate_hz"]) == pytest.approx(1.0 / DT, rel=0.3)
        assert float(figures["max_jitter_ms"]) >= float(figures["rms_jitter_ms"]) >= 0.0


def test_a_robot_with_looser_limits_is_not_moved(tmp_path, caplog):
    trained = GovernorLimits(workspace_min_m=(-0.1,) * 3, workspace_max_m=(0.1,) * 3)
    policy = write_policy(tmp_path / "p.onnx", governor=trained)
    with running(PolicyServer, policy=policy) as (_, test):
        diagnostics = listen(test, DiagnosticArray, "/diagnostics")
        limits = test.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        assert change_state(test, "configure")
        looser = dataclasses.replace(trained, soft_force_n=80.0)
        limits.publish(to_status("limits", dataclasses.asdict(looser)))
        assert until(lambda: "soft_force_n: trained with 50.0" in health(diagnostics)[1])
        assert not change_state(test, "activate")
        assert "not activated: the robot's limits are looser" in caplog.text
        tighter = dataclasses.replace(trained, soft_force_n=20.0)
        limits.publish(to_status("limits", dataclasses.asdict(tighter)))
        assert until(lambda: "the robot has 20.0" in health(diagnostics)[2]["limits_that_differ"])
        with caplog.at_level(logging.INFO):
            assert change_state(test, "activate")
        assert "limits are tighter than in training: soft_force_n: trained with 50.0" in caplog.text


def test_a_force_budget_lengthens_each_action(policy):
    kept = GovernorLimits(
        workspace_min_m=(-0.1,) * 3, workspace_max_m=(0.1,) * 3, force_budget_n=60.0
    )
    with running(PolicyServer, policy=policy) as (_, test):
        cell = Cell(test)
        contract = listen(test, DiagnosticStatus, "policy/contract", LATCHED)
        observations = listen(test, Float32MultiArray, "policy/observation")
        actions = listen(test, Float32MultiArray, "policy/action")
        limits = test.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        limits.publish(to_status("limits", dataclasses.asdict(kept)))
        diagnostics = listen(test, DiagnosticArray, "/diagnostics")
        assert until(lambda: health(diagnostics)[2].get("robot_limits") == "known")
        assert change_state(test, "configure")
        assert change_state(test, "activate")

        def moved_on():
            cell.pose[2] += 1e-4
            return len(actions) >= 40 and len(observations) >= 40

        assert until(moved_on)
    repeat = kept.action_repeat()
    assert repeat > 1
    assert from_status(contract[-1])["action_repeat"] == str(repeat)
    heights = [message.data[2] for message in observations[:40]]
    for number, message in enumerate(actions[:40]):
        height = heights[number // repeat * repeat]
        assert message.data[2] == pytest.approx(math.tanh(0.05 * height), abs=1e-7)


@pytest.mark.parametrize(
    ("number", "label"), [(5, ""), (6, ""), (7, ""), (0, "shutdown"), (3, "shutdown")]
)
def test_a_shutdown_is_refused_while_active(policy, number, label):
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    with running(PolicyServer, policy=policy) as (node, test):
        cell = Cell(test)
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: len(cell.twists) > 3)
        assert not call(test, ChangeState, "policy_server/change_state", request).success
        before = len(cell.twists)
        assert until(lambda: len(cell.twists) > before + 3)
        assert not node.finished.is_set()
        assert change_state(test, "deactivate")
        assert change_state(test, "inactive_shutdown")
        assert until(node.finished.is_set)
        assert cell.twists[-1].twist.linear.x == 0.0


def test_a_transition_that_raises_stops_the_policy(policy, monkeypatch, caplog):
    with running(PolicyServer, policy=policy) as (_, test):
        cell = Cell(test)
        assert change_state(test, "configure")
        with monkeypatch.context() as patched:
            patched.setattr(policy_server.logger, "info", lambda *_words: 1 / 0)
            assert not change_state(test, "activate")
        assert "a transition has failed" in caplog.text
        count = len(cell.twists)
        assert not until(lambda: len(cell.twists) > count + 1, 0.5)
        assert change_state(test, "configure")
        assert change_state(test, "activate")
        assert until(lambda: len(cell.twists) > count + 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_active_leaves_a_twist_of_zero(policy, number):
    command = [sys.executable, "-m", "der_ros.nodes.policy_server.node", "--ros-args"]
    with running(lambda: ShellNode("idle")) as (_, test):
        cell = Cell(test)
        command += [p for name, value in RIGHTFUL.items() for p in ("-p", f"{name}:={value}")]
        process = subprocess.Popen([*command, "-p", f"policy:={policy}"], stderr=subprocess.PIPE)
        try:
            assert change_state(test, "configure")
            assert change_state(test, "activate")
            assert until(lambda: len(cell.twists) > 3)
            process.send_signal(number)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
        assert process.returncode == 0
        assert b"Traceback" not in errors
        assert until(lambda: cell.twists[-1].twist.linear.x == 0.0)
