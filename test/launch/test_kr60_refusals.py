"""Arguments with which the KR 60 deployment starts nothing, and those that it lists."""

import socket
import subprocess

import pytest
from deployment import SHARED_ARGUMENTS, check_refusal, pids, sensor_ports, shown_arguments
from kr60_launch import SIM_PC_IP, launched, ports

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]


ARGUMENTS = [*SHARED_ARGUMENTS, "rsi_port", "robot_ip"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["policy:=nowhere.onnx"], "nowhere.onnx"),
        (["robot:=rsi", "ft:=sim"], "expected ft:=netft or ft:=topic"),
        (["robot:=rsi", "ft:=netft"], "robot_ip: expected the controller's IPv4 address"),
        (
            ["robot:=rsi", "robot_ip:=192.0.2.1", "ft:=netft", "sensor_ip:=192.0.2.2"],
            "task_frame is still that of the simulated cell",
        ),
        (["robot:=ur5"], "ur5"),
        (["atempts:=3"], "atempts"),
        (["task:=origami"], "origami"),
        (["task:=key_slot"], "expected models/key_slot.onnx"),
        (["attempts:=three"], "attempts: expected a whole number of at least 0, got 'three'"),
        (["attempts:=1", "attempts:=2"], "attempts: expected one value, got 2"),
        (["config:=nowhere.yaml"], "config: expected an existing file"),
    ],
)
def test_a_users_mistake_leaves_nothing_running(run_dir, output, arguments, message):
    with launched(output, f"run_dir:={run_dir}", *ports(), *arguments) as process:
        check_refusal(process, output, message)


def test_a_budget_that_cannot_be_kept_starts_nothing():
    command = ["ros2", "launch", "der_ros", "deploy_kr60.launch.py", "force_budget_n:=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    told = done.stdout + done.stderr
    assert "nothing was started: force_budget_n: expected at least 16.04 N" in told
    assert done.returncode == 1
    assert pids(done.stdout) == []


def test_a_port_in_use_is_named(run_dir, output):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((SIM_PC_IP, 0))
        port = taken.getsockname()[1]
        arguments = [f"run_dir:={run_dir}", *sensor_ports(), f"rsi_port:={port}"]
        with launched(output, *arguments) as process:
            assert process.wait(timeout=120) != 0
    assert f"expected to open UDP port {port}" in output.read_text()
    assert "Traceback" not in output.read_text()


def test_show_args_lists_the_contracts_arguments():
    shown = shown_arguments("deploy_kr60.launch.py")
    for name in ARGUMENTS:
        assert f"'{name}'" in shown
