"""Findings of the doctor and its output: exit code, one JSON object, advice; on loopback."""

import json
import socket
import sys
from pathlib import Path

import pytest
import yaml
from isolation import free_port

from der_ros.cli.health import cell_checks as cell
from der_ros.cli.health import computer_checks as health
from der_ros.cli.health import parameter_checks as parameters
from der_ros.cli.health.doctor import main
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench
from der_ros.tasks import TASK_NAMES

ROOT = Path(__file__).resolve().parents[3]
OK, WARNING, PROBLEM = health.CheckLevel.OK, health.CheckLevel.WARNING, health.CheckLevel.PROBLEM


def report_of(capsys):
    output = capsys.readouterr()
    report = json.loads(output.out)
    found = {(check["area"], check["name"]): check for check in report["checks"]}
    assert len(found) == len(report["checks"])
    return report, found


def box(**sensor):
    config = SimulatedBoxConfig(rdt_port=0, http_port=0, sensor=SensorConfiguration(**sensor))
    return SimulatedNetFt(config, Wrench.zero)


def config_with(tmp_path, **changes):
    """Return a writer of the shipped file with other kuka_bridge parameters; None removes one."""
    document = yaml.safe_load(parameters.shipped_config().read_text())
    for name, value in changes.items():
        node = "/**" if name in parameters.FRAMES else "/**/kuka_bridge"
        place = document.setdefault(node, {"ros__parameters": {}})["ros__parameters"]
        if value is None:
            del place[name]
        else:
            place[name] = value
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_cell_in_order_gives_exit_code_0(capsys):
    with box() as sensor:
        arguments = ["--json", "--robot-ip", "127.0.0.2", "--rsi-port", str(free_port())]
        there = ["--sensor-ip", "127.0.0.1", "--http-port", str(sensor.http_port)]
        assert main([*arguments, *there]) == 0
    report, found = report_of(capsys)
    assert report["problems"] == 0
    assert {area for area, _ in found} == {
        "environment",
        "clock",
        "ports",
        "network",
        "policy",
        "parameters",
    }
    assert "1000 Hz" in found["network", "sensor"]["message"]
    assert "lap_joint" in found["policy", "file"]["message"]


def test_each_problem_has_a_remedy_and_exit_code_1(capsys, tmp_path):
    silent = str(free_port(socket.SOCK_STREAM))
    policy = tmp_path / "policy.onnx"
    policy.write_bytes(b"none")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        arguments = ["--json", "--rsi-port", str(holder.getsockname()[1])]
        arguments += ["--sensor-ip", "127.0.0.1", "--http-port", silent]
        arguments += ["--policy", str(policy), "--config", str(tmp_path / "none.yaml")]
        assert main(arguments) == 1
    report, found = report_of(capsys)
    broken = {key for key, check in found.items() if check["level"] == "problem"}
    assert broken == {
        ("ports", "rsi port"),
        ("network", "sensor"),
        ("policy", "file"),
        ("parameters", "file"),
    }
    assert report["problems"] == 4
    assert all(found[key]["advice"] for key in broken)
    assert "end the other program" in found["ports", "rsi port"]["advice"]


def test_without_json_a_person_reads_lines_and_a_sum(capsys):
    assert main(["--robot-ip", "nowhere", "--rsi-port", str(free_port())]) == 1
    output = capsys.readouterr()
    assert "problem  network, way to the robot: expected an IPv4 address, got 'nowhere'" in (
        output.out
    )
    assert output.out.splitlines()[-1].endswith(" problems")
    assert "--sensor-ip" in output.err


@pytest.mark.parametrize("arguments", [["--rsi-port", "0"], ["--cycle-ms", "5"]])
def test_wrong_arguments_are_exit_code_2(arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_an_old_python_is_a_problem():
    assert health.check_python((3, 9)).level is PROBLEM
    assert health.check_python(health.MIN_PYTHON).level is OK


def test_an_rclpy_that_does_not_load_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "rclpy.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = health.check_rclpy(sys.executable)
    assert check.level is PROBLEM
    assert "no such library" in check.message
    assert "source" in check.advice


def test_what_is_not_installed_is_reported():
    assert not health.is_installed("der_ros_never_existed")
    check = health.check_packages(["onnxruntime"])
    assert (check.level, "onnxruntime" in check.message) == (PROBLEM, True)
    assert health.check_packages([]).level is OK
    assert health.check_launch(False).level is WARNING


def test_a_missing_package_leaves_the_other_answers(monkeypatch, capsys):
    monkeypatch.delattr("der_ros.cli.health.cell_checks")
    monkeypatch.setitem(sys.modules, "der_ros.cli.health.cell_checks", None)
    assert main(["--json"]) == 1
    report, found = report_of(capsys)
    assert report["problems"] == 1
    assert found["environment", "other checks"]["level"] == "problem"
    assert found["environment", "python"]["level"] == "ok"


def test_refused_real_time_is_a_warning_with_advice(tmp_path):
    kernel = tmp_path / "realtime"
    assert health.check_realtime(True, kernel).level is OK
    refused = health.check_realtime(False, kernel)
    assert refused.level is WARNING
    assert "limits.conf" in refused.advice
    kernel.write_text("1\n")
    assert "PREEMPT_RT" in health.check_realtime(True, kernel).message


def test_unlockable_memory_is_a_warning_with_advice():
    assert health.check_locked_memory(True).level is OK
    refused = health.check_locked_memory(False)
    assert (refused.level, "memlock" in refused.advice) == (WARNING, True)


def test_trying_real_time_leaves_the_process_alone(monkeypatch):
    def refuse(*_):
        raise PermissionError

    policy = health.os.sched_getscheduler(0)
    health.is_realtime_allowed()
    assert health.os.sched_getscheduler(0) == policy
    monkeypatch.setattr(health.os, "sched_setscheduler", refuse)
    assert not health.is_realtime_allowed()


@pytest.mark.parametrize(
    ("resolution_s", "late_s", "level"),
    [
        (1e-9, [1e-4] * 9 + [0.01], OK),
        (1e-9, [0.003] * 9, WARNING),
        (0.004, [1e-4] * 9, WARNING),
    ],
)
def test_a_coarse_timer_is_a_warning(resolution_s, late_s, level):
    assert health.check_timer(resolution_s, late_s).level is level


def route(target, gateway, mask):
    """Return a line of /proc/net/route, whose addresses are in this computer's byte order."""
    numbers = [
        f"{int.from_bytes(socket.inet_aton(ip), sys.byteorder):08X}"
        for ip in (target, gateway, mask)
    ]
    return "\t".join(["eth0", *numbers[:2], "3", "0", "0", "0", numbers[2], "0", "0", "0"])


def test_a_robot_behind_a_router_is_seen(tmp_path, monkeypatch):
    routes = tmp_path / "route"
    lines = [
        "Iface\tDestination\tGateway",
        route("0.0.0.0", "10.0.0.1", "0.0.0.0"),
        route("192.168.0.0", "0.0.0.0", "255.255.255.0"),
    ]
    routes.write_text("\n".join(lines))
    assert cell.gateway_towards("192.168.0.2", routes) is None
    assert cell.gateway_towards("192.168.1.2", routes) == "10.0.0.1"
    assert cell.gateway_towards("192.168.1.2", tmp_path / "none") is None
    monkeypatch.setattr(cell, "address_towards", lambda _: "10.0.0.7")
    far = cell.check_way("robot", "192.168.1.2", routes)
    assert (far.level, "10.0.0.1" in far.message) == (WARNING, True)
    assert cell.check_way("robot", "192.168.0.2", routes).level is OK


@pytest.mark.parametrize(
    ("sensor", "level", "text"),
    [
        ({"rdt_enabled": False}, PROBLEM, "switched off"),
        ({"rdt_rate_hz": 100}, WARNING, "100 Hz"),
        ({"rdt_rate_hz": 7000, "force_unit": "lbf"}, OK, "lbf"),
    ],
)
def test_the_sensors_page_is_read(sensor, level, text):
    with box(**sensor) as there:
        check = cell.check_sensor("127.0.0.1", there.http_port)
    assert check.level is level
    assert text in check.message


@pytest.mark.parametrize(
    ("found", "trained", "level", "text"),
    [
        (0, 0.0, OK, "off, as in training"),
        (35, 35.0, OK, "35 Hz, as in training"),
        (5, 0.0, WARNING, "low-pass filter is 5 Hz, the policy was trained with off"),
        (0, 73.0, WARNING, "low-pass filter is off, the policy was trained with 73 Hz"),
        (None, 73.0, WARNING, "low-pass filter is not known, the policy was trained with 73 Hz"),
    ],
)
def test_the_sensors_filter_is_that_of_the_training(found, trained, level, text):
    check = cell.compare_filters(found, trained)
    assert (check.level, bool(check.advice)) == (level, level is WARNING)
    assert text in check.message


@pytest.mark.parametrize(("parameter", "level"), [(None, WARNING), (0, OK)])
def test_the_filter_that_the_bridge_will_set_counts(tmp_path, capsys, parameter, level):
    document = {"ft_bridge": {"ros__parameters": {"box_filter": parameter}}}
    path = config_with(tmp_path)
    if parameter is not None:
        path.write_text(path.read_text() + yaml.safe_dump(document))
    arguments = ["--json", "--rsi-port", str(free_port()), "--config", str(path)]
    with box(user_filter=8) as there:
        main([*arguments, "--sensor-ip", "127.0.0.1", "--http-port", str(there.http_port)])
    assert report_of(capsys)[1]["network", "sensor filter"]["level"] == level.value


def test_a_policy_of_another_task_is_a_problem():
    path = ROOT / "models" / "lap_joint.onnx"
    (check,) = cell.check_policy(path, "peg_in_hole")
    assert (check.level, "peg_in_hole" in check.message) == (PROBLEM, True)


def levels(path, on_hardware=False):
    found = parameters.check_parameters(path, "lap_joint", 0.012, on_hardware)
    return {check.name: check for check in found}


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"soft_force": 10.0}, "names", "kuka_bridge.soft_force"),
        ({"task_frame": None}, "frames", "expected task_frame, found none"),
        ({"task_frame": [1.0, 2.0]}, "frames", "task_frame"),
        ({"task_frame": ["a"] * 7}, "frames", "task_frame"),
        ({"tcp_from_sensor": [0.0] * 7}, "frames", "quaternion"),
        ({"soft_force_n": 900.0}, "governor", "hard_force_n"),
        ({"soft_force_n": "20"}, "governor", "soft_force_n"),
        ({"yield_gain_mps_per_n": 0.01}, "governor", "does not oscillate"),
        ({"workspace_min_m": [0.1, 0.0, 0.0]}, "governor", "min < max"),
        ({"max_correction_mm": 260.0}, "travel", "clamps at 250 mm"),
        ({"max_correction_deg": True}, "travel", "expected a float, got True"),
    ],
)
def test_parameters_that_are_wrong_are_named(tmp_path, changes, name, text):
    found = levels(config_with(tmp_path, **changes))
    assert found[name].level is PROBLEM
    assert text in found[name].message
    assert found[name].advice
    assert [other for other in found if found[other].level is not OK and other != name] == []


@pytest.mark.parametrize("task", TASK_NAMES)
def test_what_is_shipped_for_each_task_is_in_order(task):
    found = list(parameters.check_parameters(parameters.shipped_config(), task, 0.012, False))
    assert {check.level for check in found} == {OK}


def test_a_simulated_frame_on_hardware_is_reported(tmp_path):
    found = levels(config_with(tmp_path), on_hardware=True)
    assert "simulated cell" in found["frames"].message
    measured = config_with(tmp_path, task_frame=[1.4, 0.0, 0.8, 0.0, 0.0, 0.0, 1.0])
    assert {check.level for check in levels(measured, on_hardware=True).values()} == {OK}


@pytest.mark.parametrize("text", ["", "a: [", "kuka_bridge: {task: 1}", "- 1", "\0"])
def test_what_is_no_parameters_file_is_one_problem(tmp_path, text):
    path = tmp_path / "cell.yaml"
    path.write_text(text)
    (check,) = parameters.check_parameters(path, "lap_joint", 0.012, False)
    assert check.level is PROBLEM
    assert "ros__parameters" in check.message
    assert "\n" not in check.message


def test_a_node_that_is_none_is_named(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text("kuka_brigde: {ros__parameters: {soft_force_n: 1.0}}")
    assert "kuka_brigde" in parameters.check_names(parameters.read_parameters(path)).message


def test_an_iiwas_cell_is_examined_by_its_own_limits(tmp_path):
    shipped = parameters.shipped_config("deploy_iiwa")

    def levels_of(path, on_hardware=False):
        found = parameters.check_parameters(path, "peg_in_hole", 0.01, on_hardware, "deploy_iiwa")
        return {check.name: check.level for check in found}

    good = dict.fromkeys(("file", "names", "frames", "governor", "joints"), OK)
    assert levels_of(shipped) == good
    assert levels_of(shipped, on_hardware=True) == {**good, "frames": PROBLEM}
    document = yaml.safe_load(shipped.read_text())
    document["/**/kuka_bridge"]["ros__parameters"]["joint_speed_share"] = 1.5
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(document))
    assert levels_of(path) == {**good, "joints": PROBLEM}


def test_an_unreadable_configuration_is_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert parameters.shipped_config() == ROOT / "config" / "deploy_kr60.yaml"
    there = tmp_path / "share" / "der_ros" / "config" / "deploy_kr60.yaml"
    there.parent.mkdir(parents=True)
    there.write_text("x")
    assert parameters.shipped_config() == there
    with pytest.raises(ConfigurationError):
        parameters.read_parameters(there)
