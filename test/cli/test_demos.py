"""The tool ``demos`` on the recorded bags of the KR 60 and the iiwa."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from der_ros.bags.bag_copy import copy_bag
from der_ros.cli import demos
from der_ros.errors import ConfigurationError
from der_ros.tasks import TASK_NAMES, make_task
from der_ros.training.demonstrations.bag_episodes import bag_episode
from der_ros.training.demonstrations.files import demonstrations_at, load_demonstrations

BAGS = Path(__file__).parents[1] / "replay" / "bags"
KR60, IIWA = BAGS / "kr60_success", BAGS / "iiwa_success"


@pytest.fixture
def taught(tmp_path):
    """A folder with one demonstration, with metadata."""
    folder = tmp_path / "demos"
    shutil.copytree(KR60, folder / "demo_001")
    (folder / "demo_001" / "demonstration.yaml").write_text(
        "made_by: human\ntask: lap_joint\nrobot: kr60 sim\nseed: 3\nversion: 0.1.0\n"
        "created: '2026-11-29T05:00:00+0000'\nduration_s: 2.9\npeak_force_n: 60.0\n"
    )
    return folder


def test_a_list_says_who_made_it(taught, capsys):
    assert demos.main(["list", str(taught)]) == 0
    assert capsys.readouterr().out == (
        "demo_001: human, lap_joint on kr60 sim, 45 steps, 2.9 s, peak 60 N, fits\n"
    )


def test_a_bag_of_a_deployment_is_checked_by_its_task(capsys):
    assert demos.main(["check", str(IIWA), "--task", "peg_in_hole"]) == 0
    assert capsys.readouterr().out.endswith("74 steps, fits\n")


def test_a_bag_of_a_deployment_names_its_task(tmp_path, capsys):
    shutil.copytree(IIWA, tmp_path / "attempt_0001")
    shutil.copytree(KR60, tmp_path / "attempt_0002")
    assert demos.main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        "attempt_0001: a deployment's bag, 74 steps, fits\n"
        "attempt_0002: a deployment's bag, 45 steps, fits\n"
    )


def test_a_bag_of_another_task_does_not_fit(capsys):
    assert demos.main(["check", str(IIWA), "--task", "lap_joint", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["demonstrations"]
    assert "task: expected lap_joint, got peg_in_hole" in row["problems"]
    assert any(problem.startswith("action_limits: expected 0.05") for problem in row["problems"])
    assert row["steps"] == 0


def test_a_bag_that_names_no_task_needs_one(tmp_path, capsys):
    copy_bag(KR60, tmp_path / "bag", topics=["/policy/observation", "/policy/action"])
    assert demos.main(["check", str(tmp_path / "bag")]) == 1
    assert "names no task: give --task, one of" in capsys.readouterr().err


def test_a_trimmed_demonstration_is_the_same_and_small(taught, tmp_path, capsys):
    out = tmp_path / "trimmed"
    assert demos.main(["trim", str(taught), str(out)]) == 0
    assert demos.main(["check", str(out)]) == 0
    assert "human, lap_joint on kr60 sim, 45 steps" in capsys.readouterr().out
    task = make_task("lap_joint")
    before, after = (bag_episode(each / "demo_001", task) for each in (taught, out))
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert sum(path.stat().st_size for path in (out / "demo_001").iterdir()) < 60_000
    assert demos.main(["trim", str(taught), str(out)]) == 1
    assert "expected a new name" in capsys.readouterr().err


@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_shipped_demonstrations_fit(task, capsys):
    folder = demonstrations_at("shipped", task)
    assert demos.main(["check", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["demonstrations"]
    assert [row["facts"]["made_by"] for row in rows] == ["scripted"] * 6
    episodes = load_demonstrations(folder, 13, 6, 1, make_task(task))
    assert all(episode.success for episode in episodes)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000


def test_a_task_without_demonstrations_is_reported():
    shipped = "ships demonstrations of key_slot, lap_joint, peg_in_hole, got the task dowel"
    with pytest.raises(ConfigurationError, match=shipped):
        demonstrations_at("shipped", "dowel")


def test_a_folder_without_bags_is_reported(tmp_path, capsys):
    assert demos.main(["list", str(tmp_path)]) == 1
    assert "expected a bag or a folder of bags" in capsys.readouterr().err


def test_a_damaged_bag_is_a_problem_by_its_name(taught, capsys):
    next((taught / "demo_001").glob("*.mcap")).write_bytes(b"no bag")
    assert demos.main(["check", str(taught), "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["demonstrations"]
    assert "demo_001" in row["problems"][0]


def test_converted_episodes_are_those_of_training(taught, tmp_path):
    assert demos.main(["convert", str(taught), str(tmp_path / "npz")]) == 0
    (episode,) = load_demonstrations(tmp_path / "npz", 13, 6)
    assert episode.success
    assert episode.observations.shape == (46, 13)
    assert np.abs(episode.actions).max() <= 1.0


def test_what_cannot_be_converted_leaves_the_others(taught, tmp_path, capsys):
    shutil.copytree(taught / "demo_001", taught / "demo_002")
    next((taught / "demo_001").glob("*.mcap")).write_bytes(b"no bag")
    assert demos.main(["convert", str(taught), str(tmp_path / "npz"), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in printed["written"]] == ["demo_002.npz"]
    assert printed["failed"] == 1


def test_one_damaged_file_hides_no_other_demonstration(taught, capsys):
    shutil.copytree(taught / "demo_001", taught / "demo_002")
    file = taught / "demo_001" / "demonstration.yaml"
    file.write_text(file.read_text().replace("seed: 3\n", "colour: red\n"))
    assert demos.main(["check", str(taught)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demo_001: a demonstration, 0 steps, does not fit"
    assert lines[1].endswith("got missing: seed; unknown: colour")
    assert lines[2].startswith("demo_002: human, lap_joint")
    assert demos.main(["trim", str(taught), str(taught / "trimmed")]) == 1


def test_a_name_cannot_forge_a_line(taught, capsys):
    file = taught / "demo_001" / "demonstration.yaml"
    file.write_text(file.read_text().replace("kr60 sim", '"kr60\\nforged"'))
    assert demos.main(["list", str(taught)]) == 0
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("command", [["convert"], ["trim"], ["export", "--to", "npz"]])
def test_without_a_bag_nothing_is_made(tmp_path, command):
    out = tmp_path / "out"
    assert demos.main([command[0], str(tmp_path / "none"), str(out), *command[1:]]) == 1
    assert not out.exists()
