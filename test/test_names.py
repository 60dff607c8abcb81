"""Names of the package: one name has one meaning."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "der_ros"
BENCHMARKS = PACKAGE.parent / "benchmarks"
# Conventional file names; a file of these is named by its folder.
CONVENTIONAL = {"__init__", "node", "parameters", "base"}
# Thin files that are named after what they start or declare, and pairs of one interface.
SHELLS = ("cli", "nodes", "parameters", "training", "control")


def duplicates(places):
    """Return the names that occur in more than one place."""
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_classes_have_one_name():
    places = defaultdict(list)
    for path in [*sorted(PACKAGE.rglob("*.py")), *sorted(BENCHMARKS.rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(PACKAGE.parent)}:{node.lineno}")
    assert len(places) > 300
    assert duplicates(places) == {}


def test_no_two_modules_of_the_core_have_one_name():
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if path.stem not in CONVENTIONAL and name.parts[0] not in SHELLS:
            places[path.stem].append(str(name))
    assert len(places) > 50
    assert duplicates(places) == {}


def test_no_two_test_files_have_one_name():
    # pytest imports test files by their plain name.
    places = defaultdict(list)
    for path in sorted(PACKAGE.parent.glob("*test/**/test_*.py")):
        places[path.stem].append(str(path.relative_to(PACKAGE.parent)))
    assert len(places) > 100
    assert duplicates(places) == {}


def test_test_names_have_at_most_50_characters():
    for path in sorted(PACKAGE.parent.glob("*test/**/test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert len(node.name) <= 50, f"{path}:{node.lineno} {node.name}"
