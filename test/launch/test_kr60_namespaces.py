"""Two KR 60 deployments in two namespaces on one computer."""

import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from deployment import ended_by_ctrl_c, judged, wait_for
from isolation import free_port
from kr60_launch import SIM_PC_IP, launched
from rosbags.highlevel import AnyReader

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]


def cell(name, number):
    """Return the arguments of one of several cells on this computer: other addresses and ports."""
    robot, box = f"127.0.0.{10 * number}", f"127.0.0.{10 * number + 1}"
    return [
        f"namespace:={name}",
        f"robot_ip:={robot}",
        f"sensor_ip:={box}",
        f"rsi_port:={free_port(socket.SOCK_DGRAM, SIM_PC_IP)}",
        f"rdt_port:={free_port(socket.SOCK_DGRAM, box)}",
        f"http_port:={free_port(socket.SOCK_STREAM, box)}",
    ]


# One cell needs 1.6 of two slow cores. Two cells fit with lower rates and no markers.
CELL_OF_TWO = """
/**: {ros__parameters: {max_linear_speed_mps: 0.025}}
/**/ft_bridge: {ros__parameters: {rdt_rate_hz: 250, publish_rate_hz: 125.0}}
/**/bag_recorder: {ros__parameters: {snapshot_s: 0.0}}
"""


@pytest.mark.in_turn
def test_two_cells_run_in_two_namespaces(tmp_path):
    config = tmp_path / "my_cell.yaml"
    config.write_text(CELL_OF_TWO)
    runs = {name: tmp_path / name for name in ("left", "right")}
    outputs = {name: tmp_path / f"{name}.txt" for name in runs}
    # Two cells disturb each other on two slow cores, but one of ten attempts has no fault.
    common = ["attempts:=10", "view:=false", "seed:=3", f"config:={config}"]
    with ExitStack() as stack:
        launches = [
            stack.enter_context(
                launched(outputs[name], *common, f"run_dir:={runs[name]}", *cell(name, number))
            )
            for number, name in enumerate(runs, 1)
        ]
        for run_dir in runs.values():
            wait_for(lambda run_dir=run_dir: recorded_verdicts(run_dir), 200, "a verdict")
        codes = [ended_by_ctrl_c(process) for process in launches]
    assert codes == [0, 0], [output.read_text() for output in outputs.values()]
    for name, run_dir in runs.items():
        result = recorded_verdicts(run_dir)[0]
        assert result["outcome"] in ("success", "stall", "jammed", "missed", "timeout")
        with AnyReader([Path(result["bag"])]) as reader:
            topics = {connection.topic for connection in reader.connections}
        assert f"/{name}/policy/action" in topics
        assert {topic.split("/")[1] for topic in topics} == {name, "diagnostics"}
        told = limits_told(outputs[name])
        assert "max_linear_speed_mps: trained with 0.05, the robot has 0.025" in told
        assert "soft_force_n" not in told
        replay = ["ros2", "run", "der_ros", "replay_bag", result["bag"]]
        assert subprocess.run(replay, capture_output=True, check=False).returncode == 0


def recorded_verdicts(run_dir):
    """Return the attempts so far that have a verdict and a bag."""
    return [each for each in judged(run_dir) if each["bag"]]


def limits_told(output):
    """Return policy_server's messages about limits that differ from the trained ones."""
    lines = [line for line in output.read_text().splitlines() if "tighter than in" in line]
    (told,) = {line.partition("tighter than in")[2] for line in lines}
    return told
