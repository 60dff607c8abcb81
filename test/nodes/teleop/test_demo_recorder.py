"""Bags of finished attempts, which are kept or removed; no node is started."""

import time
from types import SimpleNamespace

import pytest

from der_ros.nodes.teleop import demo_recorder
from der_ros.nodes.teleop.demo_recorder import DemoRecorder


@pytest.fixture
def recorder():
    it = DemoRecorder.__new__(DemoRecorder)
    it._executing = it._discarded = it._wants_start = False
    it._pending, it._failures = None, 0
    it._given = SimpleNamespace(pilot="joy")
    return it


def ended(bag, outcome="timeout"):
    return {"outcome": outcome, "duration_s": "1.0", "peak_force_n": "2.0", "bag": str(bag)}


def test_a_failure_without_a_bag_removes_nothing(recorder, tmp_path, monkeypatch, caplog):
    """A launch may have been started in the folder of a bag."""
    (tmp_path / "metadata.yaml").touch()
    monkeypatch.chdir(tmp_path)
    recorder._note(ended("", "fault"))
    recorder._settle()
    assert "not kept: fault, without a bag" in caplog.text
    assert (tmp_path / "metadata.yaml").is_file()
    assert recorder._pending is None


def test_a_bag_that_stays_incomplete_is_not_kept(recorder, tmp_path, monkeypatch, caplog):
    recorder._note(ended(tmp_path / "bag", "success"))
    recorder._settle()
    assert recorder._pending is not None
    monkeypatch.setattr(demo_recorder.time, "monotonic", lambda: time.time() + 1e9)
    recorder._settle()
    assert "expected a complete bag of this attempt within 20 s" in caplog.text
    assert recorder._pending is None


def test_the_bag_of_a_failed_attempt_is_removed(recorder, tmp_path):
    bag = tmp_path / "bag"
    bag.mkdir()
    recorder._note(ended(bag))
    recorder._settle()
    assert bag.is_dir()
    (bag / "metadata.yaml").touch()
    recorder._settle()
    assert not bag.exists()


def test_a_result_without_its_numbers_is_refused(recorder, caplog):
    recorder._note({"outcome": "success", "bag": "/b"})
    assert recorder._pending is None
    assert "result refused" in caplog.text
