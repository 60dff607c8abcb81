"""policy_server refuses a wrong policy or parameter, each in one line."""

import subprocess
import sys
import time

import pytest
from policy_rig import change_state, running, set_policy, write_policy

from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.policy import shipped

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path / "policy.onnx")


def test_a_wrong_policy_fails_to_configure(policy, tmp_path, caplog):
    wrong = {
        tmp_path / "missing.onnx": "readable .onnx file",
        tmp_path: "readable .onnx file",
        write_policy(tmp_path / "peg.onnx", task="peg_in_hole"): "expected lap_joint",
    }
    for path, reason in wrong.items():
        caplog.clear()
        with running(PolicyServer, policy=path) as (_, test):
            assert not change_state(test, "configure")
            assert not change_state(test, "activate")
        (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert reason in line
        assert "\n" not in line


def test_a_task_without_a_shipped_policy_says_so(caplog, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "package_folders", lambda _name: iter([tmp_path]))
    write_policy(tmp_path / "lap_joint.onnx")
    with running(PolicyServer, task="peg_in_hole") as (_, test):
        assert not change_state(test, "configure")
        (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert "expected models/peg_in_hole.onnx in the package der_ros, it has lap_joint" in line
        assert "give its path" in line
        own = write_policy(tmp_path / "mine.onnx", task="peg_in_hole")
        assert set_policy(test, own).successful


def test_a_users_mistake_is_one_line_and_exit_code_one():
    started = time.monotonic()
    command = [sys.executable, "-m", "der_ros.nodes.policy_server.node", "--ros-args", "-p"]
    for parameter in ("task:=bake_a_cake", "task_frame:=[1.0,2.0]", "pose_timeout_s:=-1.0"):
        result = subprocess.run([*command, parameter], capture_output=True, text=True, timeout=30)
        assert result.returncode == 1, parameter
        assert parameter.partition(":")[0] in result.stderr
        assert result.stderr.count("\n") == 1
    assert time.monotonic() - started < 30.0


def test_damaged_metadata_fails_to_configure(policy):
    data = policy.read_bytes()
    policy.write_bytes(data.replace(b"lap_joint", b"lap_j\xffint"))
    with running(PolicyServer, policy=policy) as (_, test):
        assert not change_state(test, "configure")
        policy.write_bytes(data)
        assert change_state(test, "configure")
