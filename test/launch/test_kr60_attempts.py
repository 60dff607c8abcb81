"""Attempts of the KR 60 deployment in a simulated cell, to their verdicts and bags."""

import json
import math
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from deployment import (
    RESULT_FIELDS,
    SIM_SENSOR_IP,
    a_fault_and_a_later_verdict,
    alive,
    attempts,
    judged,
    pids,
    replay_report,
    wait_for,
    wait_for_a_running_attempt,
)
from kr60_launch import launched, ports
from peg_policy import write_peg_policy
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]


@pytest.mark.in_turn
def test_attempts_run_and_their_actions_are_reproduced(run_dir, output):
    # Without a force budget, which lengthens the time limit and so the duration below.
    given = ["attempts:=2", f"run_dir:={run_dir}", "seed:=3", "force_budget_n:=10000"]
    with launched(output, *given, *ports()) as process:
        assert process.wait(timeout=200) == 0, output.read_text()
    text = output.read_text()
    assert "Traceback" not in text
    assert [pid for pid in pids(text) if alive(pid)] == []

    results = attempts(run_dir)
    assert [list(result) for result in results] == [RESULT_FIELDS] * 2
    for result in results:
        # The shipped policy may fail an attempt, but there must be no fault.
        assert result["outcome"] in ("success", "stall", "jammed", "missed", "timeout"), text
        assert 0.0 < result["duration_s"] < 20.0
        assert 0.0 < result["peak_force_n"] < 500.0
        report = replay_report(result["bag"])
        assert report["verdict"] == "same"
        assert report["samples"] > 10
        assert verdicts(result["bag"]) == [result]


def verdicts(bag):
    """Return a bag's messages on the supervisor's topic."""
    with AnyReader([Path(bag)], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        wanted = [c for c in reader.connections if c.topic == "/assembly_supervisor/attempt"]
        return [
            json.loads(reader.deserialize(data, connection.msgtype).data)
            for connection, _, data in reader.messages(wanted)
        ]


@pytest.mark.in_turn
def test_a_peg_is_inserted_from_any_angle(run_dir, output, tmp_path):
    policy = tmp_path / "peg.onnx"
    write_peg_policy(policy)
    arguments = ["task:=peg_in_hole", f"policy:={policy}", "attempts:=1", f"run_dir:={run_dir}"]
    with launched(output, *arguments, "seed:=2", *ports()) as process:
        assert process.wait(timeout=100) == 0, output.read_text()
    (result,) = attempts(run_dir)
    assert result["outcome"] == "success", output.read_text()
    # The policy takes the nearest of the four goals, less than a quarter turn away.
    assert result["final_angle_error_rad"] < 0.05
    assert result["final_position_error_m"] < 0.005
    first, last = yaws(Path(result["bag"]))
    assert abs(first) > 0.1
    assert abs(math.remainder(last, 0.5 * math.pi)) < 0.05 < abs(last - first) < 0.8


def yaws(bag):
    """Return the first and the last yaw of the held piece in the observations, rad."""
    with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        wanted = [c for c in reader.connections if c.topic == "/policy/observation"]
        seen = [
            reader.deserialize(data, connection.msgtype).data
            for connection, _, data in reader.messages(wanted)
        ]
    return [2.0 * math.atan2(one[5], one[6]) for one in (seen[0], seen[-1])]


@pytest.mark.in_turn
def test_a_simulated_cell_goes_on_after_a_fault(run_dir, output):
    with launched(output, "record:=false", f"run_dir:={run_dir}", *ports()):
        wait_for_a_running_attempt(output)
        fault, later = a_fault_and_a_later_verdict(run_dir)
    assert fault["outcome"] == "fault"
    assert "stopped by kuka_bridge/stop" in fault["reason"]
    assert fault["bag"] == ""
    assert later["outcome"] in ("success", "stall", "jammed", "missed", "timeout"), (
        output.read_text()
    )
    assert not (run_dir / "bags").exists()


@contextmanager
def another_driver(of_ports):
    """Run a foreign driver that reads the box and publishes /other/netft_data."""
    rdt, http = (argument.partition(":=")[2] for argument in of_ports[1:])
    parameters = {"sensor_ip": SIM_SENSOR_IP, "rdt_port": rdt, "http_port": http}
    remapped = ["-r", "__ns:=/other", "-r", "__node:=other_driver"]
    chosen = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    process = subprocess.Popen(
        ["ros2", "run", "der_ros", "ft_bridge", "--ros-args", *remapped, *chosen],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


@pytest.mark.in_turn
def test_an_attempt_with_another_drivers_wrenches(run_dir, output):
    """Until the driver is running, attempts end as faults, one by one."""
    there = ports()
    topic = ["ft:=topic", "ft_topic:=/other/netft_data"]
    arguments = ["record:=false", f"run_dir:={run_dir}", *topic, *there]

    with launched(output, *arguments):
        with another_driver(there):
            last = wait_for_a_running_attempt(output, 150)
        wait_for(lambda: len(attempts(run_dir)) > last, 60, "an attempt without a driver")
        with another_driver(there):
            later = wait_for(
                lambda: judged(run_dir, after=last), 150, "an attempt with the second driver"
            )[0]
    # If the driver died after the verdict, its death ended the next attempt.
    both = attempts(run_dir)[last - 1 : last + 1]
    reasons = [one["reason"] for one in both if one["outcome"] == "fault"]
    assert re.search("no wrench for|no force reading", reasons[0])
    assert later["outcome"] in ("success", "stall", "jammed", "missed", "timeout"), (
        output.read_text()
    )
    assert later["peak_force_n"] > 0.0
