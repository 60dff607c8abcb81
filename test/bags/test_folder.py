"""Retention of a run's bags, and the refusal of a new one on a full disk."""

import json

import pytest

from der_ros.bags.bag_folder import BagFolder, Retention
from der_ros.errors import BagError


@pytest.fixture
def run_dir(tmp_path):
    """Six bags: 1 fault, 2 success, 3 timeout, 4 success, 5 incomplete, 6 without a line yet."""
    outcomes = {1: "fault", 2: "success", 3: "timeout", 4: "success"}
    for number in range(1, 7):
        name = f"attempt_{number:04d}" + (".part" if number == 5 else "")
        (tmp_path / "bags" / name).mkdir(parents=True)
        (tmp_path / "bags" / name / "data").write_bytes(bytes(1000))
    lines = [
        json.dumps({"outcome": outcome, "bag": f"/x/bags/attempt_{number:04d}"})
        for number, outcome in outcomes.items()
    ]
    (tmp_path / "attempts.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def kept(run_dir):
    return sorted(int(entry.name[8:12]) for entry in (run_dir / "bags").iterdir())


@pytest.mark.parametrize(
    ("retention", "numbers"),
    [
        (Retention(), [1, 2, 3, 4, 5, 6]),
        (Retention(bags=5), [1, 3, 4, 5, 6]),
        (Retention(bags=3), [1, 5, 6]),
        (Retention(bags=2), [1, 6]),
        (Retention(bags=1), [6]),
        (Retention(size_bytes=4500), [1, 3, 5, 6]),
        (Retention(size_bytes=1), [6]),
    ],
)
def test_oldest_successes_go_first_and_faults_last(run_dir, retention, numbers):
    BagFolder(run_dir, retention).prune()
    assert kept(run_dir) == numbers


def test_without_room_no_bag_is_begun(tmp_path):
    with pytest.raises(BagError, match="min_free_mb"):
        BagFolder(tmp_path, Retention(free_bytes=2**62)).begin([])
    assert list((tmp_path / "bags").iterdir()) == []
