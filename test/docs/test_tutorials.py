"""Each tutorial runs as written."""

import json
import re
import shutil
from fnmatch import filter as filter_names
from fnmatch import fnmatch
from pathlib import Path

import pytest
import tutorial
import yaml
from pad_person import PadPerson

pytestmark = pytest.mark.timeout(400)

PAGES = sorted(path.name for path in tutorial.TUTORIALS.glob("*.md"))


def test_each_page_has_a_test():
    assert PAGES == ["add-a-task.md", "first-ten-minutes.md", "teach.md", "train-and-deploy.md"]


def described(heading, folder):
    """Return undocumented files of a run folder, and documented files that it lacks."""
    page = (tutorial.ROOT / "docs/reference/run-folder.md").read_text()
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    names = re.findall(r"^\| `([^`]+?)/?` \|", section, re.MULTILINE)
    there = [path.name for path in folder.iterdir()]
    unknown = [name for name in there if not any(fnmatch(name, known) for known in names)]
    return unknown, [known for known in names if not filter_names(there, known)]


def attempts(folder):
    return [json.loads(line) for line in (folder / "attempts.jsonl").read_text().splitlines()]


@pytest.mark.ros
@pytest.mark.in_turn
def test_the_first_ten_minutes(tmp_path):
    outputs = tutorial.follow("first-ten-minutes.md", tutorial.checkout(tmp_path, "models"))
    assert [line["outcome"] for line in attempts(tmp_path / "runs/first")] == ["success"]
    assert "same" in outputs[2]
    assert "of 10 succeeded" in outputs[3]


@pytest.mark.ros
@pytest.mark.in_turn
def test_train_and_deploy(tmp_path):
    tutorial.follow("train-and-deploy.md", tutorial.checkout(tmp_path))
    run = tmp_path / "runs/mine"
    assert described("A training", run) == ([], [])
    assert described("A deployment", tmp_path / "runs/mine_deployed") == ([], [])
    (attempt,) = attempts(tmp_path / "runs/mine_deployed")
    assert attempt["outcome"] in {"success", "timeout", "stall", "jammed", "missed", "fault"}


def makers(folder):
    """Return the makers of the demonstrations in a folder."""
    facts = sorted(folder.glob("demo_*/demonstration.yaml"))
    return [yaml.safe_load(path.read_text())["made_by"] for path in facts]


@pytest.mark.ros
@pytest.mark.in_turn
@pytest.mark.timeout(900)
def test_teach_by_demonstration(tmp_path, monkeypatch):
    monkeypatch.setenv("JOYSTICK", str(tmp_path / "js0"))
    with PadPerson(tmp_path / "js0", "lap_joint"):
        outputs = tutorial.follow("teach.md", tutorial.checkout(tmp_path))
    assert makers(tmp_path / "demos") == ["human"] * 3
    assert makers(tmp_path / "scripted") == ["scripted"]
    assert (tmp_path / "runs/taught/policy.onnx").is_file()
    assert len(attempts(tmp_path / "runs/taught_deployed")) == 1
    replayed = outputs[-1]
    assert replayed.count("verdict:               same") == 2
    assert "actions: those of the bag (human)" in replayed


def test_add_a_task(tmp_path):
    folder = tutorial.checkout(tmp_path)
    shutil.copytree(Path(tutorial.ROOT, "der_ros"), folder / "der_ros")
    oracle, _trained = tutorial.follow("add-a-task.md", folder)
    assert "5 of 5 succeeded" in oracle
    assert (folder / "runs/dowel/policy.onnx").is_file()
