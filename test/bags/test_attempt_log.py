"""Writing attempts.jsonl on full, read-only and slow disks, and after cut-off lines."""

import json
import os
import subprocess
import sys
import threading

import pytest

from der_ros.bags import attempt_log
from der_ros.bags.attempt_log import AttemptLog, check_folder, read_attempts
from der_ros.errors import ConfigurationError


def line(number):
    return json.dumps({"number": number})


def numbers(run_dir):
    return [entry["number"] for entry in read_attempts(run_dir).lines]


def test_lines_are_appended_to_those_that_are_there(tmp_path):
    AttemptLog(tmp_path).append(line(1))
    log = AttemptLog(tmp_path)
    log.append(line(2))
    assert (numbers(tmp_path), log.fault) == ([1, 2], "")


def test_what_stays_unwritten_is_returned(tmp_path):
    log = AttemptLog(tmp_path)
    log.path.mkdir()
    log.append(line(1))
    assert log.flush() == [line(1)]
    log.path.rmdir()
    assert (log.flush(), log.fault, numbers(tmp_path)) == ([], "", [1])


def test_half_a_line_does_not_swallow_the_next(tmp_path):
    (tmp_path / "attempts.jsonl").write_text(line(1) + '\n{"numb')
    AttemptLog(tmp_path).append(line(2))
    assert numbers(tmp_path) == [1, 2]
    assert read_attempts(tmp_path).broken == 1


def test_no_file_and_odd_lines_are_counted(tmp_path):
    assert read_attempts(tmp_path) == ([], 0)
    (tmp_path / "attempts.jsonl").write_bytes(b'[1]\n\xff\n\n{"number": 3}\n' + b"[" * 90000)
    assert (numbers(tmp_path), read_attempts(tmp_path).broken) == ([3], 3)


LIMITED = """
import json, resource, signal, sys
from pathlib import Path
from der_ros.bags.attempt_log import AttemptLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = AttemptLog(Path(sys.argv[1]))
log.append(json.dumps({"number": 1}))
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
log.append(json.dumps({"number": 2}))
assert "1 lines not written" in log.fault, log.fault
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(json.dumps({"number": 3}))
assert log.fault == ""
"""


def test_what_a_full_disk_refuses_is_written_later(tmp_path):
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert numbers(tmp_path) == [1, 2, 3]
    assert read_attempts(tmp_path).broken == 0


def test_a_disk_that_hangs_does_not_hold_the_caller(tmp_path, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(attempt_log.os, "fsync", lambda _fd: released.wait(30))
    log = AttemptLog(tmp_path, patience_s=0.05)
    log.append(line(1))
    assert "has not answered" in log.fault
    released.set()
    log._patience_s = 10.0
    log.append(line(2))
    assert (numbers(tmp_path), log.fault) == ([1, 2], "")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    check_folder(tmp_path / "new")
    assert os.listdir(tmp_path / "new") == []
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="run_dir: expected a folder"):
            check_folder(folder)


def test_a_log_that_blocks_or_is_none_is_read_as_empty(tmp_path):
    os.mkfifo(tmp_path / "attempts.jsonl")
    assert read_attempts(tmp_path) == ([], 0)
    (tmp_path / "attempts.jsonl").unlink()
    (tmp_path / "attempts.jsonl").mkdir()
    assert read_attempts(tmp_path) == ([], 0)
