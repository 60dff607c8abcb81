"""Imports of the stand-in and the wrapper, including local and type-only imports."""

import ast
import graphlib
import sys
from pathlib import Path

import pytest

STANDALONE = Path(__file__).resolve().parents[1]
STAND_IN = {"der_ros_standalone", "launch", "launch_ros"}


def modules(folder, names):
    """Return the path of every module of some packages by its dotted name."""
    found = {}
    for path in sorted(p for name in names for p in (STANDALONE / folder / name).rglob("*.py")):
        parts = path.relative_to(STANDALONE / folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path):
    """Return the dotted names that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize(("folder", "names"), [("src", STAND_IN), ("", {"ros2w"})])
def test_there_is_no_import_circle(folder, names):
    files = modules(folder, names)
    assert len(files) > 5
    graph = {name: imported(path) & set(files) - {name} for name, path in files.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize(
    ("folder", "names", "others"), [("src", STAND_IN, {"yaml", "rclpy"}), ("", {"ros2w"}, set())]
)
def test_only_declared_packages_are_imported(folder, names, others):
    allowed = sys.stdlib_module_names | names | others
    for path in modules(folder, names).values():
        assert {name.split(".")[0] for name in imported(path)} <= allowed, path
