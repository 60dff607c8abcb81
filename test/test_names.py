"""Names of the package: one name has one meaning."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "der_ros"
ROOMS = (PACKAGE, ROOT / "benchmarks", ROOT / "docs")
# Conventional file names; a file of these is named by its folder.
CONVENTIONAL = {"__init__", "node", "parameters", "base", "entry"}
# A node and its parameters, a tool and its part with ROS, the two engines.
ALIKE = {"bag_player", "bag_recorder", "security_policy", "engine", "workers"}


def duplicates(places):
    """Return the names that occur in more than one place."""
    return {name: found for name, found in places.items() if len(found) > 1}


def definitions(path):
    """Yield name and definition of each class and type alias of a file."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, f"{path.relative_to(ROOT)}:{node.lineno}"
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for name in (each.id for each in targets if isinstance(each, ast.Name)):
            if name[0].isupper() and not name.isupper():
                yield name, ast.unparse(node.value)


def test_no_class_or_alias_has_two_meanings():
    meanings = defaultdict(set)
    for path in (path for room in ROOMS for path in room.rglob("*.py")):
        for name, definition in definitions(path):
            meanings[name].add(definition)
    assert len(meanings) > 300
    assert duplicates(meanings) == {}


def test_no_two_modules_of_the_package_have_one_name():
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.stem not in CONVENTIONAL | ALIKE:
            places[path.stem].append(str(path.relative_to(PACKAGE)))
    assert len(places) > 300
    assert duplicates(places) == {}


def test_no_two_test_files_have_one_name():
    # pytest imports test files by their plain name.
    places = defaultdict(list)
    for path in sorted(ROOT.glob("*test/**/test_*.py")):
        places[path.stem].append(str(path.relative_to(ROOT)))
    assert len(places) > 100
    assert duplicates(places) == {}


def test_test_names_have_at_most_50_characters():
    for path in sorted(ROOT.glob("*test/**/test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert len(node.name) <= 50, f"{path}:{node.lineno} {node.name}"
