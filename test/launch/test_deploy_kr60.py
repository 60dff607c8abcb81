"""The KR 60 deployment as launched by a user: launch file, nodes, sockets, bags and files."""

import json
import math
import os
import re
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from deployment import (
    RESULT_FIELDS,
    SHARED_ARGUMENTS,
    SIM_SENSOR_IP,
    a_fault_and_a_later_verdict,
    alive,
    attempt_bags,
    attempts,
    call,
    check_permissions,
    ended_by_ctrl_c,
    judged,
    launched_on_terminal,
    pids,
    sensor_ports,
    shown_arguments,
    wait_for,
    wait_for_a_running_attempt,
)
from deployment import launched as launched_file
from isolation import free_port
from peg_policy import write_peg_policy
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from der_ros.drivers.kuka.krc4 import KinematicPlant, SimulatedKrc4, SimulatedKrc4Config
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Pose, Wrench
from der_ros.tasks import make_task

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]

SIM_PC_IP = "127.0.0.1"
CONFIG = Path(__file__).resolve().parents[2] / "config"
ARGUMENTS = [*SHARED_ARGUMENTS, "rsi_port", "robot_ip"]


def ports():
    return [f"rsi_port:={free_port(socket.SOCK_DGRAM, SIM_PC_IP)}", *sensor_ports()]


def launched(output, *arguments):
    return launched_file("deploy_kr60.launch.py", output, *arguments)


@pytest.mark.alone
def test_attempts_run_and_their_actions_are_reproduced(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    with launched(output, "attempts:=2", f"run_dir:={run_dir}", "seed:=3", *ports()) as process:
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
        replay = subprocess.run(
            ["ros2", "run", "der_ros", "replay_bag", "--json", result["bag"]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert replay.returncode == 0, replay.stderr
        report = json.loads(replay.stdout)
        assert report["verdict"] == "same"
        assert report["samples"] > 10
        assert verdicts(result["bag"]) == [result]


@pytest.mark.alone
def test_a_peg_is_inserted_from_any_angle(tmp_path):
    run_dir, output, policy = tmp_path / "run", tmp_path / "output.txt", tmp_path / "peg.onnx"
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


def verdicts(bag):
    """Return a bag's messages on the supervisor's topic."""
    with AnyReader([Path(bag)], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        wanted = [c for c in reader.connections if c.topic == "/assembly_supervisor/attempt"]
        return [
            json.loads(reader.deserialize(data, connection.msgtype).data)
            for connection, _, data in reader.messages(wanted)
        ]


@pytest.mark.alone
def test_a_simulated_cell_goes_on_after_a_fault(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
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


@pytest.mark.alone
def test_an_attempt_with_another_drivers_wrenches(tmp_path):
    """Until the driver is running, attempts end as faults, one by one."""
    run_dir, output, there = tmp_path / "run", tmp_path / "output.txt", ports()
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


class MovedPlant(KinematicPlant):
    """A KR 60 above the joint that records the cycle in which it last moved."""

    cycles = moved = 0

    def advance(self, displacement_m, rotation_rad, duration_s):
        self.cycles += 1
        if displacement_m.any() or rotation_rad.any():
            self.moved = self.cycles
        return super().advance(displacement_m, rotation_rad, duration_s)


@contextmanager
def hardware():
    """Run a separate robot and sensor, as in a real cell; yield the arm and the arguments."""
    rsi, rdt, http = (int(argument.partition(":=")[2]) for argument in ports())
    config = yaml.safe_load((CONFIG / "deploy_kr60.yaml").read_text())
    base_from_task = Pose.from_sequence(config["/**"]["ros__parameters"]["task_frame"])
    on_flange = Pose.from_sequence(config["/**/sim_cell"]["ros__parameters"]["flange_from_tcp"])
    start = base_from_task @ make_task("lap_joint").start_pose
    plant = MovedPlant(flange_from_tcp=on_flange, base_from_tcp=start)
    controller = SimulatedKrc4Config(
        pc_port=rsi, robot_address="127.0.0.2", auto_restart_s=0.5, realtime_priority=0
    )
    box = SimulatedBoxConfig(address=SIM_SENSOR_IP, rdt_port=rdt, http_port=http)
    rng = np.random.default_rng(0)
    with (
        SimulatedKrc4(controller, plant),
        SimulatedNetFt(box, lambda: Wrench.from_array(rng.normal(0.0, 0.01, 6))),
    ):
        robot = ["robot:=rsi", "robot_ip:=127.0.0.2", f"rsi_port:={rsi}"]
        sensor = ["ft:=netft", f"sensor_ip:={SIM_SENSOR_IP}", f"rdt_port:={rdt}"]
        yield plant, [*robot, *sensor, f"http_port:={http}"]


@pytest.mark.alone
def test_a_real_robot_moves_only_when_told(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    waiting = "waiting for the service assembly_supervisor/start"

    def moves():
        """Start an attempt; on a busy computer it may end in a fault before the arm moves."""
        ended = output.read_text().count(waiting)
        call("kuka_bridge/reset_fault")
        call("assembly_supervisor/start")
        wait_for(lambda: arm.moved or output.read_text().count(waiting) > ended, 60, "motion")
        return arm.moved

    with (
        hardware() as (arm, there),
        launched(output, "record:=false", f"run_dir:={run_dir}", *there),
    ):
        wait_for(lambda: waiting in output.read_text(), 150, "everything to be ready")
        end = arm.cycles + 100
        wait_for(lambda: arm.cycles > end, 60, "cycles")
        assert arm.moved == 0
        wait_for(moves, 150, "motion")
        call("assembly_supervisor/stop")
        wait_for(lambda: output.read_text().count(waiting) >= 2, 60, "the end of the attempt")
        wait_for(lambda: arm.cycles > arm.moved + 100, 60, "rest")
    assert attempts(run_dir)


@pytest.mark.alone
def test_ctrl_c_in_an_attempt_keeps_the_recording(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    with launched(output, f"run_dir:={run_dir}", *ports()) as process:
        number = wait_for_a_running_attempt(output)
        check_permissions()
        wait_for_a_running_attempt(output, after=number)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    text = output.read_text()
    assert "Traceback" not in text
    started = pids(text)
    assert len(started) == 7
    assert [pid for pid in started if alive(pid)] == []
    result = attempts(run_dir)[-1]
    assert result["outcome"] == "aborted"
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_of_a_launch_that_is_killed(tmp_path, number):
    """The launch is killed, or its terminal has gone, so that nothing can be printed."""
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    with launched_on_terminal(output, f"run_dir:={run_dir}", *ports()) as (process, hang_up):
        wait_for_a_running_attempt(output)
        hang_up()
        process.send_signal(number)
        process.wait(timeout=20)
        started = pids(output.read_text())
        assert len(started) == 7
        wait_for(lambda: not any(map(alive, started)), 15, "the end of all nodes")
    result = attempts(run_dir)[-1]
    assert result["outcome"] == "aborted"
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name


@pytest.mark.alone
def test_a_node_that_is_ended_fails_the_launch(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    with launched(output, f"run_dir:={run_dir}", *ports()) as process:
        wait_for_a_running_attempt(output)
        server = re.search(
            r"\[policy_server-\d+\]: process started with pid \[(\d+)\]", output.read_text()
        )
        os.kill(int(server[1]), signal.SIGTERM)
        code = process.wait(timeout=20)
    text = output.read_text()
    assert code == 1
    assert re.search(r"policy_server-\d+ failed with exit code 143", text)
    assert [pid for pid in pids(text) if alive(pid)] == []
    result = attempts(run_dir)[-1]
    assert result["outcome"] in ("aborted", "fault")
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name


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
def test_a_users_mistake_leaves_nothing_running(tmp_path, arguments, message):
    output = tmp_path / "output.txt"
    with launched(output, f"run_dir:={tmp_path / 'run'}", *ports(), *arguments) as process:
        code = process.wait(timeout=120)
    text = output.read_text()
    assert message in text
    assert code != 0
    assert "Traceback" not in text
    assert [pid for pid in pids(text) if alive(pid)] == []


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


@pytest.mark.alone
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


USERS = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    share = FindPackageShare("der_ros")
    path = PathJoinSubstitution([share, "launch", "deploy_kr60.launch.py"])
    return LaunchDescription([
        DeclareLaunchArgument("seeds", default_value="4"),
        DeclareLaunchArgument("line", default_value="line_1"),
        GroupAction([
            PushRosNamespace(LaunchConfiguration("line")),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(path),
                launch_arguments={"seed": LaunchConfiguration("seeds"), GIVEN}.items(),
            ),
        ]),
    ])
"""


def users_launch_file(tmp_path, given):
    path = tmp_path / "users.launch.py"
    path.write_text(USERS.replace("GIVEN", given))
    return path


def run_users_launch_file(tmp_path, given, *arguments):
    return subprocess.run(
        ["ros2", "launch", str(users_launch_file(tmp_path, given)), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.alone
def test_a_users_launch_file_may_add_arguments(tmp_path):
    run_dir, output = tmp_path / "run", tmp_path / "output.txt"
    given = f"'attempts': '4', 'record': 'false', 'run_dir': '{run_dir}', 'namespace': 'cell'"
    path, own = users_launch_file(tmp_path, given), ["seeds:=5", "line:=line_2"]
    with launched_file(path, output, *own, *ports()) as process:
        result = wait_for(lambda: judged(run_dir), 150, "a verdict")[0]
        assert ended_by_ctrl_c(process) == 0
    assert result["outcome"] in ("success", "stall", "jammed", "missed", "timeout")
    assert "soft_force_n" not in output.read_text()


OWN_ARGUMENTS = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    path = PathJoinSubstitution([FindPackageShare("der_ros"), "launch", "deploy_kr60.launch.py"])
    return LaunchDescription([
        DeclareLaunchArgument("attempts", default_value="many"),
        DeclareLaunchArgument("namespace", default_value="no namespace!"),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(path), launch_arguments={"seed": "first"}.items()
        ),
    ])
"""


def test_an_including_files_own_arguments_are_not_ours(tmp_path):
    path = tmp_path / "own.launch.py"
    path.write_text(OWN_ARGUMENTS)
    command = ["ros2", "launch", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    told = done.stdout + done.stderr
    assert "nothing was started: seed: expected a whole number of at least 0, got 'first'" in told
    assert "many" not in told
    assert "no namespace!" not in told


def test_a_budget_that_cannot_be_kept_starts_nothing():
    command = ["ros2", "launch", "der_ros", "deploy_kr60.launch.py", "force_budget_n:=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    told = done.stdout + done.stderr
    assert "nothing was started: force_budget_n: expected at least 16.04 N" in told
    assert done.returncode == 1
    assert pids(done.stdout) == []


def test_an_includes_mistyped_argument_is_refused(tmp_path):
    done = run_users_launch_file(tmp_path, "'robt': 'rsi'", "seeds:=5")
    assert done.returncode == 1
    assert "robt: there is no such argument; did you mean robot?" in done.stdout
    assert pids(done.stdout) == []


def test_a_port_in_use_is_named(tmp_path):
    output = tmp_path / "output.txt"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((SIM_PC_IP, 0))
        port = taken.getsockname()[1]
        arguments = [f"run_dir:={tmp_path / 'run'}", *sensor_ports(), f"rsi_port:={port}"]
        with launched(output, *arguments) as process:
            assert process.wait(timeout=120) != 0
    assert f"expected to open UDP port {port}" in output.read_text()
    assert "Traceback" not in output.read_text()


def test_show_args_lists_the_contracts_arguments():
    shown = shown_arguments("deploy_kr60.launch.py")
    for name in ARGUMENTS:
        assert f"'{name}'" in shown
