"""The walks of docs/architecture.md: each file exists and is reached from the one before it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "der_ros"
STEP = re.compile(r"^\d+\. `([^`]+\.py)`(.*)")
WORD = re.compile(r"\w+")
OVER = re.compile(r"over `([^`]+)`")


def walks(text):
    """Return the steps (file, rest of the line) of each walk by its heading."""
    section = re.search(r"^## Walks\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert section, "expected a section '## Walks'"
    parts = re.split(r"^### (.+)\n", section[1], flags=re.M)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {
        title: [m.groups() for m in map(STEP.match, body.split("\n")) if m] for title, body in pairs
    }


def path_of(name):
    return ROOT / name if name.startswith("launch/") else PACKAGE / name


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports_of(path):
    """Return the modules, and the modules' names, that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def leads(one, other, over):
    """Return True if an import, or a name in both (text or path), leads from one to the other."""
    if over:
        return all(over in [*path.parts, *WORD.findall(path.read_text())] for path in (one, other))
    return module_of(other) in imports_of(one) or module_of(one) in imports_of(other)


def breaks(steps):
    """Return each step that no earlier step leads to."""
    paths = [path_of(name) for name, _ in steps]
    found = [f"{name}: no such file" for name, _ in steps if not path_of(name).is_file()]
    if found:
        return found
    for number, (name, rest) in enumerate(steps[1:], 1):
        over = OVER.search(rest)
        if not any(leads(one, paths[number], over and over[1]) for one in paths[:number]):
            found.append(f"{name}: nothing in the steps before leads there")
    return found


WALKS = walks(DOCUMENT.read_text())


@pytest.mark.parametrize("title", WALKS)
def test_each_step_leads_to_the_next(title):
    assert len(WALKS[title]) >= 2
    assert breaks(WALKS[title]) == []


@pytest.mark.parametrize(
    ("title", "most"),
    [
        ("An RDT record to `netft_data`", 8),
        ("An RDT record to an RSI correction", 17),
        ("A launch argument to where it acts", 4),
        ("An environment step to a learner update", 16),
        ("A checkpoint to an action of `policy_server`", 15),
    ],
)
def test_a_walk_stays_short(title, most):
    assert len(WALKS[title]) <= most


@pytest.mark.parametrize(
    "steps",
    [
        [("drivers/netft/rdt.py", ""), ("drivers/netft/nothing.py", "")],
        [("drivers/netft/rdt.py", ""), ("drivers/kuka/rsi.py", "")],
        [("nodes/ft_bridge/node.py", ""), ("nodes/kuka_bridge/node.py", "over `no_such_topic`")],
    ],
)
def test_a_broken_walk_is_found(steps):
    assert breaks(steps) != []
