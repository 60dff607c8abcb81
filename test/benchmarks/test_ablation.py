import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import bench_ablation
import pytest

from der_ros.training.study.design import StudyRun, study_runs
from der_ros.training.study.run_record import read_record, write_record

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training" / "study"))
from records import record

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "bench_ablation.py"
NAME = "paper/lap_joint/no_demos-{}-04.json"


def command(results, *arguments):
    return [
        sys.executable,
        str(SCRIPT),
        "--results",
        str(results),
        "--json",
        "--jobs",
        "1",
        "--task",
        "lap_joint",
        "--structure",
        "no_demos",
        "--seeds",
        "1",
        "--first-seed",
        "4",
        "--env-steps",
        "50",
        *arguments,
    ]


def ablation(results, *arguments):
    return subprocess.run(command(results, *arguments), capture_output=True, text=True, timeout=240)


def test_only_the_run_without_a_record_is_started(tmp_path):
    run = StudyRun("paper", "lap_joint", "no_demos", "der", 4, 50)
    there = write_record(tmp_path, {**record(), "run": run._asdict(), "settings": run.settings()})
    written = there.stat().st_mtime_ns
    result = ablation(tmp_path)
    assert json.loads(result.stdout)["figures"]["finished"]["value"] == 2
    assert there.stat().st_mtime_ns == written
    made = read_record(tmp_path / NAME.format("no_der"))
    assert (made.run.arm, made.data["env_steps"]) == ("no_der", 50)
    assert made.data["final"]["episodes"] == 100


def test_a_second_command_in_one_folder_is_refused(tmp_path):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = ablation(tmp_path)
    assert result.returncode == 1
    assert "expected no other ablation command" in result.stderr


@pytest.mark.parametrize(
    ("option", "least"), [("--seeds", 1), ("--jobs", 1), ("--env-steps", 1), ("--first-seed", 0)]
)
def test_numbers_that_are_too_low_are_refused(tmp_path, option, least):
    result = ablation(tmp_path, option, str(least - 1))
    assert result.returncode == 1
    assert f"expected at least {least}, got {least - 1}" in result.stderr


def test_a_failed_run_is_reported_without_a_record(tmp_path):
    (tmp_path / "paper").write_text("where a folder should be")
    result = ablation(tmp_path)
    assert result.returncode == 1
    assert "no_demos-der-04" in result.stderr
    assert json.loads(result.stdout)["figures"]["finished"]["value"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_and_its_runs(tmp_path, number):
    given = command(tmp_path, "--env-steps", "1000000")
    with subprocess.Popen(given, stderr=subprocess.PIPE, text=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60.0
        while not children.read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "the same command goes on" in said
    with (tmp_path / ".lock").open("w") as lock:  # no remaining run holds it
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_signal_in_the_start_of_a_run_ends_it(tmp_path, monkeypatch):
    started = []

    def start(jobs, run):
        process = subprocess.Popen(["sleep", "60"])
        started.append(process)
        jobs.interrupt()
        return process

    monkeypatch.setattr(bench_ablation.Jobs, "_start", start)
    with pytest.raises(KeyboardInterrupt):
        bench_ablation.Jobs(tmp_path, 2, 0).work(list(study_runs("fast", [0])))
    assert [process.poll() for process in started] == [-signal.SIGTERM] * 2
