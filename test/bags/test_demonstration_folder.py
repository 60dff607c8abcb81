"""A folder of demonstrations: complete bags with validated metadata."""

import os

import pytest
import yaml

from der_ros.bags.demonstrations import (
    FACTS_FILE,
    DemonstrationFacts,
    DemonstrationFolder,
    read_facts,
)
from der_ros.errors import BagError, ConfigurationError

GIVEN = {
    "made_by": "scripted",
    "task": "lap_joint",
    "robot": "kr60 sim",
    "seed": 7,
    "version": "0.1.0",
    "created": "2026-11-29T03:00:00+0000",
    "duration_s": 4.5,
    "peak_force_n": 12.0,
}
FACTS = DemonstrationFacts(**GIVEN)


@pytest.fixture
def bag(tmp_path):
    path = tmp_path / "run" / "attempt_0001"
    path.mkdir(parents=True)
    (path / "metadata.yaml").write_text("a bag")
    return path


def test_a_kept_bag_is_moved_with_its_facts(tmp_path, bag):
    folder = DemonstrationFolder(tmp_path / "demos")
    kept = folder.keep(bag, FACTS)
    assert kept == tmp_path / "demos" / "demo_001"
    assert not bag.exists()
    assert (kept / "metadata.yaml").read_text() == "a bag"
    assert read_facts(kept) == FACTS
    assert folder.paths() == [kept]


def test_numbers_go_on_after_those_that_are_there(tmp_path, bag):
    (tmp_path / "demos" / "demo_004").mkdir(parents=True)
    assert DemonstrationFolder(tmp_path / "demos").keep(bag, FACTS).name == "demo_005"


def test_a_bag_from_another_disk_is_copied_whole(tmp_path, bag, monkeypatch):
    rename = os.rename

    def refused(source, target):
        if source == bag:
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refused)
    kept = DemonstrationFolder(tmp_path / "demos").keep(bag, FACTS)
    assert (kept / "metadata.yaml").is_file()
    assert not bag.exists()


def test_a_disk_that_refuses_leaves_the_bag(tmp_path, bag):
    folder = DemonstrationFolder(tmp_path / "demos")
    (tmp_path / "demos").rmdir()
    (tmp_path / "demos").write_text("no folder")
    with pytest.raises(BagError, match="cannot be moved"):
        folder.keep(bag, FACTS)
    assert (bag / "metadata.yaml").is_file()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"out: .*file/demos cannot be made"):
        DemonstrationFolder(tmp_path / "file" / "demos")


def test_a_plain_bag_has_no_facts(bag):
    assert read_facts(bag) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"made_by": "robot"}, "made_by: expected one of human, scripted, policy, got 'robot'"),
        ({"seed": "seven"}, "seed: expected a int, got 'seven'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_facts_are_refused_by_field(bag, change, told):
    (bag / FACTS_FILE).write_text(yaml.safe_dump({**GIVEN, **change}))
    with pytest.raises(ConfigurationError) as caught:
        read_facts(bag)
    assert told in str(caught.value)
