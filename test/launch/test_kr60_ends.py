"""The KR 60 deployment is ended: by Ctrl-C, by a signal, or by one of its nodes."""

import os
import re
import signal
from pathlib import Path

import pytest
from deployment import (
    alive,
    attempt_bags,
    attempts,
    check_permissions,
    launched_on_terminal,
    pids,
    wait_for,
    wait_for_a_running_attempt,
)
from kr60_launch import launched, ports

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]


@pytest.mark.in_turn
def test_ctrl_c_in_an_attempt_keeps_the_recording(run_dir, output):
    with launched(output, f"run_dir:={run_dir}", *ports()) as process:
        number = wait_for_a_running_attempt(output)
        check_permissions()
        wait_for_a_running_attempt(output, after=number)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    text = output.read_text()
    assert "Traceback" not in text
    started = pids(text)
    assert len(started) == 7
    assert [pid for pid in started if alive(pid)] == []
    result = attempts(run_dir)[-1]
    assert result["outcome"] == "aborted"
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name


@pytest.mark.in_turn
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_of_a_launch_that_is_killed(run_dir, output, number):
    """The launch is killed, or its terminal has gone, so that nothing can be printed."""
    with launched_on_terminal(output, f"run_dir:={run_dir}", *ports()) as (process, hang_up):
        wait_for_a_running_attempt(output)
        hang_up()
        process.send_signal(number)
        process.wait(timeout=20)
        started = pids(output.read_text())
        assert len(started) == 7
        wait_for(lambda: not any(map(alive, started)), 15, "the end of all nodes")
    result = attempts(run_dir)[-1]
    assert result["outcome"] == "aborted"
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name


@pytest.mark.in_turn
def test_a_node_that_is_ended_fails_the_launch(run_dir, output):
    with launched(output, f"run_dir:={run_dir}", *ports()) as process:
        wait_for_a_running_attempt(output)
        server = re.search(
            r"\[policy_server-\d+\]: process started with pid \[(\d+)\]", output.read_text()
        )
        os.kill(int(server[1]), signal.SIGTERM)
        code = process.wait(timeout=20)
    text = output.read_text()
    assert code == 1
    assert re.search(r"policy_server-\d+ failed with exit code 143", text)
    assert [pid for pid in pids(text) if alive(pid)] == []
    result = attempts(run_dir)[-1]
    assert result["outcome"] in ("aborted", "fault")
    assert attempt_bags(run_dir)[-1] == Path(result["bag"]).name
