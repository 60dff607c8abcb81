"""``pytest --replay-bags DIR`` in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from der_ros.errors import ConfigurationError
from der_ros.offline_replay.expectations import read_expectation, read_sweep, unmet

BAG = Path(__file__).resolve().parents[1] / "replay" / "bags" / "kr60_success"


def run_pytest(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "der_ros.offline_replay.pytest_plugin"]
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    bags = tmp_path / "bags"
    shutil.copytree(BAG, bags / BAG.name)
    shutil.copy(BAG.with_name("lap_joint.onnx"), bags)  # the policy that acted
    return bags


def expect(folder, text):
    (folder / f"{BAG.name}.yaml").write_text(text)
    return folder / BAG.name


def test_each_bag_is_a_test(folder):
    expect(folder, "outcome: success\n")
    done = run_pytest(folder.parent, "--replay-bags", "bags")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_an_unmet_expectation_fails_by_its_name(folder):
    expect(folder, "outcome: stall\n")
    done = run_pytest(folder.parent, "--replay-bags", "bags")
    assert done.returncode == 1
    assert "outcome: expected stall, got success" in done.stdout


def test_a_sweep_is_a_test_for_each_combination(folder):
    expect(
        folder,
        "set: {kuka_bridge.max_linear_speed_mps: [0.01, 0.02], kuka_bridge.soft_force_n: 30.0,"
        " kuka_bridge.hard_force_n: [100.0, 500.0]}\noutcome: fault\n",
    )
    done = run_pytest(folder.parent, "--replay-bags", "bags", "-rA")
    assert done.returncode == 1
    assert "2 failed, 2 passed" in done.stdout
    label = "kuka_bridge.max_linear_speed_mps=0.02, kuka_bridge.hard_force_n=500.0"
    assert f"kr60_success[{label}]" in done.stdout
    assert "outcome: expected fault, got success" in done.stdout


def test_a_sweep_over_policies(folder):
    bag = expect(folder, "policy: [lap_joint.onnx, none.onnx]\n")
    there, missing = read_sweep(bag).values()
    assert unmet(bag, there) == []
    assert missing.policy == folder / "none.onnx"
    with pytest.raises(ConfigurationError, match="expected one value for each key, got 2 cases"):
        read_expectation(bag)


def test_an_expectation_that_is_none_is_an_error(folder):
    expect(folder, "outcome: good\n")
    done = run_pytest(folder.parent, "--replay-bags", "bags")
    assert done.returncode == 2
    assert "kr60_success.yaml: " in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "tolerance: nan",
        "tolerance: '0.1'",
        "tolerance: true",
        "peak_force_n: nan",
        "peak_force_n: -1",
        "interventions: {SOFT_FORCE: true}",
        "set: {kuka_bridge.soft_force_n: nan}",
        "5: 1\nx: 2",
        "set:\n" + "".join(f"  k{n}: [{', '.join('1' * 99)}]\n" for n in range(9)),
    ],
)
def test_an_expectation_that_always_holds_is_refused(folder, text):
    with pytest.raises(ConfigurationError, match=r"kr60_success\.yaml: "):
        read_sweep(expect(folder, text))


def test_an_expectation_file_is_a_regular_file(folder):
    os.mkfifo(folder / f"{BAG.name}.yaml")
    with pytest.raises(ConfigurationError, match="no regular file"):
        read_sweep(folder / BAG.name)


def test_a_folder_that_is_none_is_refused(tmp_path):
    done = run_pytest(tmp_path, "--replay-bags", "nowhere")
    assert done.returncode == 4
    assert "--replay-bags: expected a folder" in done.stderr


def test_the_bags_of_this_repository_are_as_expected():
    for description in sorted(BAG.parent.glob("*/metadata.yaml")):
        bag = description.parent
        assert unmet(bag, read_expectation(bag)) == []


def test_a_what_if_has_expectations(folder):
    bag = expect(folder, "outcome: fault\nlose_sensor_after_s: 1.0\n")
    assert unmet(bag, read_expectation(bag)) == []


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("peak_force_n: 100.0", "peak force: expected at most 100.0 N"),
        ("interventions: {SOFT_FORCE: 3}", "interventions SOFT_FORCE: expected at most 3"),
        ("set: {kuka_bridge.hard_force_n: 100.0}\noutcome: success", "outcome: expected success"),
    ],
)
def test_a_figure_beyond_its_bound_is_named(folder, text, clause):
    bag = expect(folder, text)
    assert any(each.startswith(clause) for each in unmet(bag, read_expectation(bag)))


@pytest.mark.parametrize(
    "text",
    [
        "speed: 1",
        "outcome: good",
        "interventions: {PUSH: 1}",
        "interventions: 3",
        "- a",
        "actions: mine",
        "policy: []",
        "{actions: recorded, policy: a.onnx}",
    ],
)
def test_an_expectation_without_sense_is_refused(folder, text):
    bag = expect(folder, text)
    with pytest.raises(ConfigurationError, match=r"kr60_success\.yaml"):
        read_expectation(bag)
