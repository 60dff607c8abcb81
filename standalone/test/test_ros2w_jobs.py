"""Choices of ros2w: requirement level, Python and ROS 2, and its error messages."""

import ast
import fnmatch
from pathlib import Path

import pytest

from ros2w import pythons, ros
from ros2w.jobs import needed_level
from ros2w.project import LEVELS, PACKAGE, RULES, SOURCES
from ros2w.report import SetupError, cause_of_failure, pip_progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("setup", "dev"),
        ("setup --robot-only", "robot"),
        ("test -k x", "dev"),
        ("launch der_ros train_sim.launch.py max_minutes:=2", "train"),
        ("launch der_ros train_sim.launch.py -s", "robot"),
        ("launch der_ros deploy_kr60.launch.py", "sim"),
        ("launch -d der_ros deploy_kr60.launch.py robot:=sim", "sim"),
        ("launch launch/deploy_kr60.launch.py", "sim"),
        ("launch der_ros deploy_kr60.launch.py robot:=rsi", "robot"),
        ("launch der_ros deploy_iiwa.launch.py", "sim"),
        ("launch der_ros deploy_iiwa.launch.py robot:=ros2_control ft:=netft", "robot"),
        ("launch der_ros replay_bag.launch.py", "robot"),
        ("launch der_ros record_demos.launch.py device:=scripted", "sim"),
        ("launch der_ros record_demos.launch.py robot:=rsi ft:=netft", "robot"),
        ("run der_ros evaluate --json", "train"),
        ("run der_ros train", "train"),
        ("run der_ros sim_cell", "sim"),
        ("run der_ros plot_runs runs/a runs/b", "train"),
        ("run der_ros replay_bag runs/train", "robot"),
        ("exec python docs/build_site.py --strict", "docs"),
        ("exec python train", "robot"),
    ],
)
def test_each_job_gets_no_more_than_it_needs(line, level):
    verb, *words = line.split()
    assert needed_level(verb, words) == level


def test_rules_name_known_levels():
    assert {rule.level for rule in RULES} <= set(LEVELS)


def test_rules_name_targets_that_exist():
    launch_files = [path.name for path in (ROOT / "launch").iterdir()]
    for rule in RULES:
        if rule.verb == "launch":
            assert fnmatch.filter(launch_files, rule.target), rule
        elif rule.verb == "run":
            assert f'"{rule.target}"' in (ROOT / "setup.py").read_text(), rule


def test_the_project_names_sources_that_exist():
    assert PACKAGE in SOURCES
    assert [part for part in SOURCES if not (ROOT / part).exists()] == []


def test_every_installed_folder_causes_a_build():
    tree = ast.parse((ROOT / "setup.py").read_text())
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    assert set(ast.literal_eval(values["SHARED_FOLDERS"])) <= set(SOURCES)


def script(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def fake_python(path, minor, venv=1):
    return script(path, f"echo 3 {minor} {venv} 1")


def choose(monkeypatch, *folders, **variables):
    monkeypatch.setattr("sys.executable", "/nonexistent")
    variables["PATH"] = ":".join(map(str, folders))
    return pythons.choose(pythons.find(variables, Path("/nonexistent")))


def test_a_python_with_pybullet_wheels_is_preferred(tmp_path, monkeypatch):
    script(tmp_path / "shims/python3.11", "echo no such version >&2; exit 127")
    fake_python(tmp_path / "bin/python3.12", 12)
    fake_python(tmp_path / "bin/python3.10", 10)
    chosen = choose(monkeypatch, tmp_path / "shims", tmp_path / "bin")
    assert chosen.path == str(tmp_path / "bin/python3.10")


def test_a_version_behind_a_broken_shim_is_found(tmp_path, monkeypatch):
    script(tmp_path / "shims/python3.11", "exit 127")
    wanted = fake_python(tmp_path / "versions/3.11.7/bin/python3.11", 11)
    chosen = choose(monkeypatch, tmp_path / "shims", PYENV_ROOT=str(tmp_path))
    assert chosen.path == str(wanted)


def test_a_python_without_venv_is_the_second_choice(tmp_path, monkeypatch):
    fake_python(tmp_path / "a/python3.11", 11, venv=0)
    with pytest.raises(SetupError, match=r"no venv module: `apt install python3\.11-venv`"):
        choose(monkeypatch, tmp_path / "a")
    fake_python(tmp_path / "b/python3.13", 13)
    assert choose(monkeypatch, tmp_path / "a", tmp_path / "b").version == (3, 13)


def test_an_unsupported_python_is_named(tmp_path, monkeypatch):
    fake_python(tmp_path / "python3", 14)
    with pytest.raises(SetupError, match=r"this machine has Python 3\.14"):
        choose(monkeypatch, tmp_path)
    with pytest.raises(SetupError, match="this machine has none"):
        choose(monkeypatch, tmp_path / "empty")


def test_a_forced_python_is_the_only_candidate(tmp_path, monkeypatch):
    fake_python(tmp_path / "python3.11", 11)
    forced = fake_python(tmp_path / "my-python", 12)
    chosen = choose(monkeypatch, tmp_path, ROS2W_PYTHON=str(forced))
    assert chosen.path == str(forced)


def sourced(tmp_path, answer):
    interpreter = script(tmp_path / "opt/bin/python3", answer)
    command = tmp_path / "opt/bin/ros2"
    command.write_text(f"#!{interpreter}\n")
    command.chmod(0o755)
    variables = {"AMENT_PREFIX_PATH": "/opt", "PATH": str(command.parent), "ROS_DISTRO": "jazzy"}
    return variables, interpreter


FACTS = """echo '{"version": [3, 12], "base": "x", "numpy": "1.26.4"}'"""


def test_a_sourced_ros_2_with_launch_is_found(tmp_path):
    variables, interpreter = sourced(tmp_path, FACTS)
    cache = tmp_path / "ros.json"
    found = ros.find(variables, tmp_path / "ours", cache)
    assert found == ros.SourcedRos(
        str(tmp_path / "opt/bin/ros2"), str(interpreter), "1.26.4", "jazzy"
    )
    interpreter.unlink()
    assert ros.find(variables, tmp_path / "ours", cache) == found


def test_a_ros2_without_launch_does_not_count(tmp_path):
    variables, _ = sourced(tmp_path, "exit 1")
    assert ros.find(variables, tmp_path / "ours", tmp_path / "c") is None
    variables, _ = sourced(tmp_path, FACTS)
    assert ros.find(variables, tmp_path, tmp_path / "c") is None
    del variables["AMENT_PREFIX_PATH"]
    assert ros.find(variables, tmp_path / "ours", tmp_path / "c") is None


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError(... Temporary failure in name resolution", "cannot be reached"),
        ("error: command 'g++' failed: No such file", "a C++ compiler is missing"),
        ("fatal error: Python.h: No such file or directory", "python3-dev"),
        (
            "ERROR: Could not find a version that satisfies the requirement torch==9 (from x)",
            "has no fitting torch==9",
        ),
        ("something\nERROR: odd\n", "ERROR: odd"),
    ],
)
def test_a_failure_of_pip_is_one_sentence(tmp_path, output, sentence):
    log = tmp_path / "pip.log"
    log.write_text(output)
    assert sentence in cause_of_failure(log)


def test_large_downloads_are_shown(capsys):
    listen = pip_progress()
    listen("  Downloading torch-2.13.0-cp311-linux.whl (187.5 MB)")
    listen("  Downloading small-1.0-py3-none-any.whl (12 kB)")
    listen("Installing collected packages: a, b, c")
    shown = capsys.readouterr()
    assert shown.err == "ros2w:   downloading torch (188 MB)\nros2w:   unpacking 3 packages\n"
    assert shown.out == ""
