import subprocess

import pytest

from der_ros.training.study import provenance


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a package folder, in which provenance looks, and one result."""
    for name in ("package/code.py", "benchmarks/results/run.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "_FOLDER", tmp_path / "package")
    return tmp_path


def test_results_do_not_change_the_commit(checkout):
    (checkout / "benchmarks/results/run.json").write_text("2")
    (checkout / "notes.txt").write_text("not tracked")
    commit = provenance.provenance()["commit"]
    assert len(commit) == 40


def test_changed_code_does(checkout):
    (checkout / "package/code.py").write_text("2")
    assert provenance.provenance()["commit"].endswith("-dirty")


def test_without_a_checkout_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_FOLDER", tmp_path / "missing")
    assert provenance.provenance()["commit"] == "unknown"
