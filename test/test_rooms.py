"""Sizes of packages: few top-level modules, and no folder with too many files."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "der_ros"
ROOMS = ("der_ros", "benchmarks", "docs", "launch", "standalone", "test")
FILES = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]


@pytest.mark.parametrize("room", ["nodes", "training"])
def test_a_room_has_at_most_12_doors(room):
    doors = {
        path.relative_to(PACKAGE / room).parts[0]
        for path in FILES
        if path.is_relative_to(PACKAGE / room)
    }
    assert len(doors) <= 12, sorted(doors)


def test_no_folder_has_more_than_20_modules():
    files = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    folders = Counter(
        path.parent.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py"
    )
    assert {name: count for name, count in folders.items() if count > 20} == {}
