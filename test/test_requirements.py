"""The locks match the requirement lists, and every file in them has a hash."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
CHAIN = ("build", "robot", "sim", "train", "docs", "dev")
LOCKS = sorted(path.stem for path in (REQUIREMENTS / "locks").glob("*.txt"))


def lines_of(name):
    """Return the requirements of a list, including those of the lists it refers to."""
    for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines():
        if line.startswith("-r "):
            yield from lines_of(line[3:].removesuffix(".txt"))
        elif line and not line.startswith("#"):
            yield Requirement(line)


def entries_of(name):
    """Return each requirement of a lock with its hashes."""
    text = (REQUIREMENTS / "locks" / f"{name}.txt").read_text()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for entry in re.findall(r"^\S.*(?:\n .*)*", body, re.MULTILINE):
        first, *hashes = entry.replace("\\", "").split("--hash=")
        yield Requirement(first.strip()), [found.strip() for found in hashes]


def locked(names, python):
    """Return the version of each package in some locks, for one Python on Linux."""
    there = {"python_version": python, "python_full_version": f"{python}.1", "extra": ""}
    there |= {"sys_platform": "linux", "platform_machine": "x86_64"}
    return {
        canonicalize_name(entry.name): str(entry.specifier).removeprefix("==")
        for name in names
        for entry, _ in entries_of(name)
        if entry.marker is None or entry.marker.evaluate(there)
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_entry_has_one_version_and_a_hash(name):
    entries = list(entries_of(name))
    assert len(entries) > 3 or name == "uv"
    assert entries
    for entry, hashes in entries:
        assert re.fullmatch(r"==[^,*]+", str(entry.specifier)), entry
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes), entry


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("name", "locks"),
    [
        *((name, CHAIN[: number + 1]) for number, name in enumerate(CHAIN)),
        ("ros-jazzy", ("build", "robot", "ros-jazzy")),
        ("ros-kilted", ("build", "robot", "ros-kilted")),
    ],
)
def test_the_locks_satisfy_the_list(name, locks, python):
    versions = locked(locks, python)
    for wanted in lines_of(name):
        if wanted.name != "torch":  # torch has a separate list, without hashes
            assert versions[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_nothing_for_a_gpu_and_no_index_is_locked():
    for name in LOCKS:
        text = (REQUIREMENTS / "locks" / f"{name}.txt").read_text()
        assert "://" not in text
        assert not re.search(r"^(torch|triton|nvidia-|cuda-)", text, re.MULTILINE)


def test_torch_is_pinned_where_it_is_not_locked():
    (torch,) = lines_of("torch")
    assert re.fullmatch(r"==\d+\.\d+\.\d+", str(torch.specifier))
