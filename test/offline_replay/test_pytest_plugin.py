"""``pytest --replay-bags DIR`` in a folder of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from der_ros.errors import ConfigurationError
from der_ros.offline_replay.expectations import read_expectation, unmet

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
        "{actions: recorded, policy: a.onnx}",
    ],
)
def test_an_expectation_without_sense_is_refused(folder, text):
    bag = expect(folder, text)
    with pytest.raises(ConfigurationError, match=r"kr60_success\.yaml"):
        read_expectation(bag)
