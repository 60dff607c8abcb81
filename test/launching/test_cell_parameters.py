"""A cell's own parameters file: allowed content, and precedence over the shipped files."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bridge_rig import environment

from der_ros.errors import ConfigurationError
from der_ros.launching.cell_parameters import (
    CELLS,
    merged,
    problems,
    read_parameters,
    shipped_config,
    task_config,
    wrong_values,
)
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import names_of
from der_ros.tasks import TASK_NAMES

CONFIG = Path(__file__).parents[2] / "config"
DEPLOYED = sorted(
    path for path in CONFIG.rglob("*.yaml") if path.parts[-2] not in ("train", "teleop")
)


def written(tmp_path, text):
    path = tmp_path / "my_cell.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", DEPLOYED, ids=[path.stem for path in DEPLOYED])
def test_shipped_files_match_in_any_namespace(path):
    assert all(node.startswith("/**") for node in yaml.safe_load(path.read_text()))
    assert problems(read_parameters(path)) == wrong_values(read_parameters(path)) == []


@pytest.mark.parametrize(
    "key", ["kuka_bridge", "/kuka_bridge", "/**/kuka_bridge", "/a/b/kuka_bridge"]
)
def test_a_node_is_named_with_or_without_its_namespace(tmp_path, key):
    path = written(tmp_path, f"{key}: {{ros__parameters: {{soft_force_n: 1.0}}}}")
    assert read_parameters(path, "/a/b") == {"kuka_bridge": {"soft_force_n": 1.0}}


def test_another_cells_namespace_is_refused(tmp_path):
    path = written(tmp_path, "/b/kuka_bridge: {ros__parameters: {soft_force_n: 1.0}}")
    (found,) = problems(read_parameters(path, "/a"))
    assert found == "no such node: /b/kuka_bridge; did you mean kuka_bridge?"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "kuka_brigde: {ros__parameters: {}}",
            "no such node: kuka_brigde; did you mean kuka_bridge?",
        ),
        (
            "kuka_bridge: {ros__parameters: {soft_force: 1.0}}",
            "kuka_bridge.soft_force: no node declares it; did you mean soft_force_n?",
        ),
        (
            "/**: {ros__parameters: {task_fame: [1.0]}}",
            "/**.task_fame: no node declares it; did you mean task_frame?",
        ),
        ("kuka_bridge: {ros__parameters: {soft_force_n: null}}", "got None"),
        ("kuka_bridge: {ros__parameters: {soft_force_n: {a: 1}}}", "got {'a': 1}"),
        ("kuka_bridge: {ros__parameters: {soft_force_n: [1, x]}}", "got [1, 'x']"),
        ("kuka_bridge: {ros__parameters: {soft_force_n: 2026-01-01}}", "got datetime"),
        (
            "kuka_bridge: {ros__parameters: {cycle_ms: 4}}",
            "kuka_bridge.cycle_ms: give it as the launch argument cycle_ms:=4",
        ),
        ("/**: {ros__parameters: {cycle_ms: 4}}", "give it as the launch argument cycle_ms:=4"),
    ],
)
def test_what_would_not_be_taken_is_named(tmp_path, text, found):
    (problem,) = problems(read_parameters(written(tmp_path, text)), {"kuka_bridge": {"cycle_ms"}})
    assert found in problem


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kuka_bridge: {ros__parameters: {soft_force_n: '20'}}", "a float, got '20'"),
        ("kuka_bridge: {ros__parameters: {soft_force_n: true}}", "a float, got True"),
        ("kuka_bridge: {ros__parameters: {max_linear_speed_mps: 20}}", "0.0 to 2.0, got 20.0"),
        ("kuka_bridge: {ros__parameters: {use_sim_time: 'x'}}", "true or false, got 'x'"),
        ("bag_recorder: {ros__parameters: {keep_bags: 99999999999999999999}}", "at most 1e+15"),
        ("/**: {ros__parameters: {task_frame: [1, 2, 3]}}", "expected 7 floats"),
        ("/**: {ros__parameters: {task_frame: [1350, 0, 750, 0, 0, 0, 1]}}", "y, z in m, at most"),
        ("/**: {ros__parameters: {task_frame: [1, 0, 1, 0, 0, 0, 0.1]}}", "length 1, got 0.1"),
    ],
)
def test_a_value_that_its_node_refuses_is_named(tmp_path, text, found):
    nodes = read_parameters(written(tmp_path, text))
    assert problems(nodes) == []
    (problem,) = wrong_values(nodes)
    assert found in problem


@pytest.mark.parametrize(
    "text", ["", "a: [", "kuka_bridge: {soft_force_n: 1}", "- 1", "\0", "{" * 2000]
)
def test_what_is_no_parameters_file_is_refused(tmp_path, text):
    with pytest.raises(ConfigurationError, match=r"my_cell\.yaml: expected 'node:'"):
        read_parameters(written(tmp_path, text))


def test_a_name_that_stands_twice_is_refused(tmp_path):
    text = "a:\n  ros__parameters: {b: 1}\na:\n  ros__parameters: {c: 1}\n"
    with pytest.raises(ConfigurationError, match=r"the key .* twice"):
        read_parameters(written(tmp_path, text))


def test_a_later_file_for_every_node_wins():
    shipped = {"kuka_bridge": {"soft_force_n": 20.0, "hard_force_n": 500.0}}
    own = {"/**": {"soft_force_n": 10.0}, "ft_bridge": {"hard_force_n": 1.0}}
    assert merged([shipped, own], "kuka_bridge") == {"soft_force_n": 10.0, "hard_force_n": 500.0}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_shipped_files_set_every_limit(cell, task):
    layers = [read_parameters(path) for path in (task_config(task, cell), shipped_config(cell))]
    assert set(names_of(GovernorLimits)) <= merged(layers, "kuka_bridge").keys()


LIMITS = """
    import sys, rclpy
    from rclpy.node import Node
    rclpy.init(args=sys.argv)
    node = Node("kuka_bridge", automatically_declare_parameters_from_overrides=True)
    for name in ("max_linear_speed_mps", "soft_force_n", "workspace_max_m", "task_frame"):
        print(name, node.get_parameter(name).value)
"""


@pytest.mark.ros
@pytest.mark.parametrize("namespace", ["/", "/left", "/line/left"])
def test_files_given_by_hand_match_in_a_namespace(namespace):
    """A node started alone, as in docs/how-to/kr60.md: ROS itself matches the files."""
    files = [task_config("lap_joint"), shipped_config()]
    given = [word for path in files for word in ("--params-file", str(path))]
    code = "\n".join(line[4:] for line in LIMITS.splitlines())
    told = subprocess.run(
        [sys.executable, "-c", code, "--ros-args", "-r", f"__ns:={namespace}", *given],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    ).stdout.splitlines()
    assert told[:2] == ["max_linear_speed_mps 0.03", "soft_force_n 20.0"]
    assert "0.055" in told[2]
    assert "1.35" in told[3]
