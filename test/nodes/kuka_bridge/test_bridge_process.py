"""Processes of kuka_bridge without a robot: refused starts, waiting, ending."""

import dataclasses
import signal
import socket

import pytest
from bridge_rig import process
from rsi_bench import LOCAL

from der_ros.policy.governor import GovernorLimits

pytestmark = pytest.mark.ros


def test_it_waits_for_a_robot_and_ends_on_sigterm():
    with process("kuka_bridge", **LOCAL) as child:
        line = ""
        while "waiting for the robot controller" not in line:
            line = child.stdout.readline()
            assert line, "the node ended"
        child.send_signal(signal.SIGTERM)
        rest, _ = child.communicate(timeout=20)
        assert child.returncode == 0
        assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"cycle_ms": 5}, "cycle_ms"),
        ({"task_frame": [1.0, 2.0]}, "task_frame"),
        ({"yield_gain_mps_per_n": 1.0}, "yield_gain_mps_per_n"),
        ({"soft_force_n": 600.0}, "hard_force_n"),
        ({"bind_address": "192.0.2.1"}, "bind_address"),
        ({"robot_ip": "''"}, "robot_ip: expected an IPv4 address"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_exit_1(parameters, expected):
    with process("kuka_bridge", **{**LOCAL, **parameters}) as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert expected in output
    assert "Traceback" not in output


@pytest.mark.parametrize("link", [{"robot_ip": "127.0.0.1"}, {"robot": "ros2_control"}])
def test_a_real_robot_needs_every_limit_to_be_set(link):
    """No port is opened before that, including the one for the controller."""
    real = {**link, "simulated_robot": "false"}
    if "robot_ip" in real:
        real["robot_ip"] = "192.0.2.1"
        real["bind_address"] = "127.0.0.1"
    with process("kuka_bridge", **real, soft_force_n=20.0, rsi_port=0) as child:
        output, _ = child.communicate(timeout=20)
    assert child.returncode == 1
    (line,) = [line for line in output.splitlines() if "error: " in line]
    assert "max_linear_speed_mps" in line
    assert "workspace_min_m" in line
    assert "soft_force_n" not in line
    assert "Traceback" not in output


BOX = {"workspace_min_m": [0.0, 0.0, 0.0], "workspace_max_m": [1.0, 1.0, 1.0]}
LIMITS = {**dataclasses.asdict(GovernorLimits(**{k: tuple(v) for k, v in BOX.items()})), **BOX}
# An address reserved for documentation, which no host has.
REAL = {**LIMITS, "robot_ip": "192.0.2.1", "bind_address": "127.0.0.1", "rsi_port": 0}
NAMED = {"command_publishers": "commissioning", "wrench_publishers": "ft_bridge"}


@pytest.mark.parametrize("lacking", list(NAMED))
@pytest.mark.parametrize("link", [{}, {"robot": "ros2_control"}])
def test_a_real_robot_needs_named_sources(link, lacking):
    named = {name: "' '" if name == lacking else value for name, value in NAMED.items()}
    with process("kuka_bridge", **{**REAL, **link, **named}) as child:
        output, _ = child.communicate(timeout=90)
    assert child.returncode == 1
    (line,) = [line for line in output.splitlines() if "error: " in line]
    assert f"parameters {lacking}: expected the names of the nodes" in line
    assert "Traceback" not in output


def test_a_real_robot_with_named_sources_is_awaited():
    with process("kuka_bridge", **REAL, **NAMED, realtime_priority=0) as child:
        told = iter(child.stdout.readline, "")
        assert any("waiting for the robot controller 192.0.2.1" in line for line in told)
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 0


def test_a_port_in_use_is_one_line_and_exit_1():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with process("kuka_bridge", **{**LOCAL, "rsi_port": port}) as child:
            output, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert f"UDP port {port}" in output
    assert "Traceback" not in output
