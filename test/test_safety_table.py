"""Documents name only existing tests."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [page.read_text() for page in sorted((ROOT / "docs").rglob("*.md"))]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", "".join(DOCUMENTS))))
SELECTED = sorted(set(re.findall(r"`pytest (test/\w+) -k (\w+)`", "".join(DOCUMENTS))))
FILES = sorted(set(re.findall(r"\btest_\w+\.py\b", "".join(DOCUMENTS))))


def test_there_are_proofs():
    assert len(NAMED) > 30


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_proof_exists(path, name):
    tree = ast.parse((ROOT / "test" / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("folder", "word"), SELECTED)
def test_each_selection_has_a_test(folder, word):
    sources = [path.read_text() for path in (ROOT / folder).rglob("test_*.py")]
    assert re.search(rf"^def test_\w*{word}", "\n".join(sources), re.MULTILINE)


def test_each_test_file_exists():
    assert [name for name in FILES if not any(ROOT.glob(f"*test/**/{name}"))] == []
