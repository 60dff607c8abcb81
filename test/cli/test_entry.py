"""Ctrl-C while a tool starts: one line, exit code 130, nothing left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BAG = str(ROOT / "test" / "replay" / "bags" / "kr60_success")

ENTER = "import sys; from der_ros.cli.entry import {}; print('in', flush=True); sys.exit({}())"


def interrupted_after(tool, delay_s, *arguments, handler=signal.SIG_DFL):
    command = [sys.executable, "-c", ENTER.format(tool, tool), *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
    )
    process.stdout.readline()
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("delay_s", [0.05, 0.3, 0.8])
def test_ctrl_c_while_a_tool_starts_is_one_line(delay_s):
    policy = str(ROOT / "models" / "lap_joint.onnx")
    code, errors = interrupted_after("evaluate", delay_s, "--policy", policy, "--episodes", "1000")
    # pybullet writes a line when it is imported; on a fast computer, figures follow on stdout.
    lines = [line for line in errors.splitlines() if not line.startswith("pybullet")]
    assert code == 130
    assert [line for line in lines if not line.startswith("interrupted")] == []
    assert len(lines) <= 1


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    code, _ = interrupted_after("bags", 0.05, "--help", handler=signal.SIG_IGN)
    assert code == 0


@pytest.mark.parametrize("arguments", [["replay_bag", BAG], ["bags", "info", BAG]])
def test_an_output_that_cannot_be_written_is_one_line(arguments):
    tool, *others = arguments
    command = [
        sys.executable,
        "-c",
        ENTER.replace("print('in', flush=True); ", "").format(tool, tool),
    ]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*command, *others], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: No space left on device"
    assert "Traceback" not in done.stderr


def test_texts_beyond_ascii_are_read_in_any_locale():
    command = [sys.executable, "-c", ENTER.format("benchmark", "benchmark")]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **plain})
    assert (done.returncode, done.stderr) == (0, "")
