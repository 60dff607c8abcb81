"""Support for tests of deployments: launch, output, processes and results."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import rclpy
from isolation import free_port
from std_srvs.srv import Trigger

from der_ros.bags.attempt_log import read_attempts
from der_ros.installation import package_folders

# Arguments of both deployments; each has further ones.
SHARED_ARGUMENTS = [
    "task",
    "robot",
    "ft",
    "policy",
    "attempts",
    "retries",
    "record",
    "run_dir",
    "seed",
    "cycle_ms",
    "sensor_ip",
]
SIM_SENSOR_IP = "127.0.0.3"
SROS2_POLICY = next(package_folders("config")) / "sros2" / "policy.xml"
# Field names of the contract.
RESULT_FIELDS = [
    "outcome",
    "reason",
    "duration_s",
    "peak_force_n",
    "peak_torque_nm",
    "final_position_error_m",
    "final_angle_error_rad",
    "bag",
    "bag_fault",
    "final_depth_m",
    "seating_force_n",
    "attempt",
    "retry",
    "bias_retaken",
    "rest_force_n",
    "rest_torque_nm",
]


def sensor_ports():
    return [
        f"rdt_port:={free_port(socket.SOCK_DGRAM, SIM_SENSOR_IP)}",
        f"http_port:={free_port(socket.SOCK_STREAM, SIM_SENSOR_IP)}",
    ]


@contextmanager
def launched(launch_file, output_file, *arguments):
    """Run a launch file, of the package or at a path, in its own session; end it with Ctrl-C.

    If a test fails within the block, the launch's output is printed.
    """
    place = [launch_file] if isinstance(launch_file, Path) else ["der_ros", launch_file]
    with output_file.open("w") as output:
        process = subprocess.Popen(
            ["ros2", "launch", *place, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        sys.stdout.write(output_file.read_text())
        raise
    finally:
        ended_by_ctrl_c(process)


def ended_by_ctrl_c(process):
    """Send SIGINT to a launch that still runs; return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return process.wait(timeout=30)


@contextmanager
def launched_on_terminal(output_file, *arguments):
    """Run a launch on a terminal; yield it and a function that closes the terminal.

    Until then, terminal output goes to ``output_file``.
    """
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["ros2", "launch", "der_ros", "deploy_kr60.launch.py", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    gone = threading.Event()

    def read():
        with output_file.open("wb", buffering=0) as output:
            while not gone.is_set() and select.select([ours], [], [], 0.05):
                with suppress(BlockingIOError):
                    output.write(os.read(ours, 65536))
        os.close(ours)

    output_file.touch()
    os.set_blocking(ours, False)
    reader = threading.Thread(target=read)
    reader.start()

    def hang_up():
        gone.set()
        reader.join()

    try:
        yield process, hang_up
    finally:
        hang_up()
        process.kill()
        process.wait(timeout=10)
        # A killed launch reports nothing more, and the next launch needs the names of its nodes.
        started = pids(output_file.read_text())
        wait_for(lambda: not any(map(alive, started)), 30, "the end of all nodes")


def wait_for_a_running_attempt(output_file, seconds=90, after=0):
    """Wait until an attempt of a number above ``after`` runs; return the newest one's number.

    On a busy computer an attempt may end in a fault before it runs.
    """

    def running():
        found = re.findall(r"attempt (\d+): running", output_file.read_text())
        return [number for number in map(int, found) if number > after]

    return wait_for(running, seconds, "a running attempt")[-1]


def check_permissions():
    """Check that a running deployment needs no permission beyond the shipped SROS2 policy."""
    check = subprocess.run(
        ["ros2", "run", "der_ros", "security_policy", "--check", SROS2_POLICY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def attempt_bags(run_dir):
    """Return the names of the bags that belong to attempts, in their order."""
    return sorted(path.name for path in (run_dir / "bags").glob("attempt_*"))


def wait_for(predicate, seconds, what):
    deadline = time.monotonic() + seconds
    while not (found := predicate()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return found


def pids(text):
    return [int(pid) for pid in re.findall(r"process started with pid \[(\d+)\]", text)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def attempts(run_dir):
    """Return the lines of the attempts that have ended so far."""
    return read_attempts(run_dir).lines


def judged(run_dir, after=0):
    """Return the attempts from number ``after`` on that ended in a verdict, not in a fault."""
    return [each for each in attempts(run_dir)[after:] if each["outcome"] != "fault"]


def call(name):
    """Call a Trigger service once."""
    rclpy.init()
    try:
        node = rclpy.create_node("operator")
        client = node.create_client(Trigger, name)
        assert client.wait_for_service(20.0), name
        future = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(node, future, timeout_sec=20.0)
        assert future.result().success
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def a_fault_and_a_later_verdict(run_dir):
    """Stop attempts at the bridge until one ends in that fault; then wait for a later verdict.

    An attempt may end before the stop arrives; then the next one is stopped. A busy computer may
    cause further faults before an attempt reaches a verdict.

    Returns:
        The lines of the stopped attempt and of the later verdict.
    """

    def stopped():
        number = len(attempts(run_dir))
        call("kuka_bridge/stop")
        wait_for(lambda: len(attempts(run_dir)) > number, 60, "the end of an attempt")
        reasons = [one["reason"] for one in attempts(run_dir)]
        return [i for i, reason in enumerate(reasons) if "kuka_bridge/stop" in reason]

    first = wait_for(stopped, 150, "an attempt that is stopped")[0]
    later = wait_for(lambda: judged(run_dir, after=first + 1), 120, "a verdict")[0]
    return attempts(run_dir)[first], later


def check_refusal(process, output_file, message):
    """Check that a launch ends with an error that has ``message``, and leaves nothing running."""
    code = process.wait(timeout=120)
    text = output_file.read_text()
    assert message in text
    assert code != 0
    assert "Traceback" not in text
    assert [pid for pid in pids(text) if alive(pid)] == []


def replay_report(bag):
    """Return the JSON report of ``replay_bag`` on a bag that it finds to be the same."""
    command = ["ros2", "run", "der_ros", "replay_bag", "--json", bag]
    replay = subprocess.run(command, capture_output=True, text=True, check=False)
    assert replay.returncode == 0, replay.stderr
    return json.loads(replay.stdout)


def shown_arguments(launch_file):
    """Return the output of ``--show-args``."""
    return subprocess.run(
        ["ros2", "launch", "der_ros", launch_file, "--show-args"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout
