"""Runs in several processes: most tests in parallel, some in turn, some alone after all others."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

TEST = Path(__file__).resolve().parent
SETTINGS = """
[pytest]
testpaths = test
markers =
    alone
    in_turn
    ros
"""
NOTES = '''

@pytest.fixture(autouse=True)
def note(request):
    """Note when a test ran, and where."""
    began_s = time.monotonic()
    yield
    with open("notes.txt", "a") as file:
        where = os.environ["ROS_DOMAIN_ID"]
        print(request.node.nodeid, began_s, time.monotonic(), os.getpid(), where, file=file)
'''
PLAIN = """
import os, time, pytest

@pytest.mark.alone
def test_alone():
    time.sleep(0.1)

@pytest.mark.in_turn
def test_in_turn():
    time.sleep(0.1)

@pytest.mark.parametrize("number", range(4))
def test_plain(number):
    time.sleep(0.1)
"""
NODES = """
import time, pytest
from isolation import block, free_port

@pytest.mark.ros
@pytest.mark.parametrize("number", range(4))
def test_nodes(number):
    time.sleep(0.2)
    with open("taken.txt", "a") as file:
        print(block().domain, block().other_domain(), free_port(), file=file)
"""
DYING = """
import os, pathlib, pytest

def test_dies():
    os._exit(3)

def test_after_it():
    pass

@pytest.mark.ros
@pytest.mark.alone
def test_dies_once():
    if not os.path.exists("died"):
        pathlib.Path("died").touch()
        os._exit(3)
"""
TWICE = """
import os, pathlib, pytest

@pytest.mark.ros
def test_twice():
    again = os.path.exists("again")
    pathlib.Path("again").touch()
    assert again, "the first time"
"""


class Note(NamedTuple):
    name: str
    began_s: float
    ended_s: float
    process: int
    domain: int


class Checkout:
    """Folder with this project's rules for its tests, and other tests."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "test").mkdir()
        (folder / "pytest.ini").write_text(SETTINGS)
        for name in ("conftest.py", "alone_last.py", "isolation.py"):
            (folder / "test" / name).write_text((TEST / name).read_text())
        with (folder / "test" / "conftest.py").open("a") as file:
            file.write("import time\n" + NOTES)
        for name in ("first", "second", "third"):
            (folder / "test" / f"test_{name}.py").write_text(PLAIN)

    def run(self, *words):
        """Return pytest's output, and the notes of its tests by the time of their beginning."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        lines = [line.split() for line in (self.folder / "notes.txt").read_text().splitlines()]
        notes = [Note(a, float(b), float(c), *map(int, rest)) for a, b, c, *rest in lines]
        return ended.stdout, sorted(notes, key=lambda note: note.began_s)


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_tests_that_run_alone_come_after_all_others(checkout):
    output, notes = checkout.run()
    assert re.search(r"= 18 passed in", output), output
    plain, alone = notes[:15], notes[15:]
    assert {note.name for note in alone} == {
        f"test/test_{name}.py::test_alone" for name in ("first", "second", "third")
    }
    assert len({note.process for note in plain}) == 2
    assert len({note.process for note in alone}) == 1
    assert max(note.ended_s for note in plain) <= alone[0].began_s
    assert all(a.ended_s <= b.began_s for a, b in pairwise(alone))


def test_tests_in_turn_share_a_process_and_come_first(checkout):
    _, notes = checkout.run()
    turns = [note for note in notes if note.name.endswith("::test_in_turn")]
    process = turns[0].process
    assert [note for note in notes if note.process == process][:3] == turns
    beside = [note for note in notes if note.process != process]
    assert beside[0].began_s < turns[-1].ended_s


def test_a_worker_that_dies_costs_its_test_alone(checkout):
    (checkout.folder / "test" / "test_dying.py").write_text(DYING)
    output, notes = checkout.run()
    assert re.search(r"= 1 failed, 20 passed, 1 rerun in", output), output
    assert "crashed while running 'test/test_dying.py::test_dies'" in output
    assert {note.name for note in notes[-4:]} == {
        "test/test_dying.py::test_dies_once",
        *(f"test/test_{name}.py::test_alone" for name in ("first", "second", "third")),
    }


def test_each_process_has_domains_and_ports_of_its_own(checkout):
    for name in ("fourth", "fifth"):
        (checkout.folder / "test" / f"test_{name}.py").write_text(NODES)
    _, notes = checkout.run("-k", "nodes")
    first, second = {note.process for note in notes}
    domains = [{note.domain for note in notes if note.process == pid} for pid in (first, second)]
    assert [len(found) for found in domains] == [1, 1]
    lines = (checkout.folder / "taken.txt").read_text().splitlines()
    taken = [tuple(map(int, line.split())) for line in lines]
    assert {own for own, _, _ in taken} == set.union(*domains)
    assert len({(own, other) for own, other, _ in taken}) == len({o for _, o, _ in taken}) == 8
    assert len({port for _, _, port in taken}) == 8
    assert all(0 < other - own < 10 for own, other, _ in taken)


def test_the_reason_of_a_rerun_is_reported(checkout):
    (checkout.folder / "test" / "test_twice.py").write_text(TWICE)
    output, _ = checkout.run("-n", "0", "-k", "twice")
    assert re.search(r"= 1 passed, 18 deselected, 1 rerun in", output), output
    assert "test/test_twice.py::test_twice (call): AssertionError: the first time" in output


@pytest.mark.parametrize("words", [["test/test_first.py"], ["-n", "0", "-k", "first"]])
def test_a_path_or_n_0_means_one_process(checkout, words):
    output, notes = checkout.run(*words)
    assert re.search(r"= 6 passed", output), output
    assert len({note.process for note in notes}) == 1
