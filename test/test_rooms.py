"""Sizes of packages: few top-level modules, and no folder with too many files."""

from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "der_ros"
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
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in FILES)
    assert {name: count for name, count in folders.items() if count > 20} == {}
