"""A process ends with its launch; one without a launch keeps running."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from bridge_rig import environment
from waiting import until

from der_ros.nodes.shared.launch_watch import LAUNCH_VARIABLE, this_launch, wait_for_end

# Child of a launch: it prints when it is asked to end, and ends unless it is stubborn.
CHILD = """
    import os, signal, sys, time
    from der_ros.nodes.shared.launch_watch import end_with_launch

    def told(number, frame):
        os.write(int(os.environ["TOLD"]), signal.Signals(number).name.encode())
        if sys.argv[1] == "good":
            os._exit(0)

    signal.signal(signal.SIGTERM, told)
    end_with_launch(patience_s=0.3)
    os.write(int(os.environ["TOLD"]), f"{os.getpid()} ".encode())
    time.sleep(60)
"""
# A launch: its child is a grandchild, as under a debugger or a terminal (launch-prefix).
LAUNCH = """
    import os, subprocess, sys
    from der_ros.nodes.shared.launch_watch import this_launch
    wrapper = ["sh", "-c", '"$@"; true', "sh"]
    subprocess.run([*wrapper, sys.executable, *sys.argv[1:]], pass_fds=[int(os.environ["TOLD"])],
                   env={**os.environ, **this_launch()}, start_new_session=True)
"""


def code(text):
    return ["-c", textwrap.dedent(text)]


def start(words, **variables):
    reading, writing = os.pipe()
    variables = {**environment(), "TOLD": str(writing), **variables}
    process = subprocess.Popen([sys.executable, *words], env=variables, pass_fds=[writing])
    os.close(writing)
    return process, reading


def ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("manners", ["good", "stubborn"])
def test_a_child_ends_with_its_launch(number, manners):
    launch, reading = start([*code(LAUNCH), *code(CHILD), manners])
    pid = int(os.read(reading, 100))
    launch.send_signal(number)
    launch.wait()
    assert os.read(reading, 100) == b"SIGTERM"
    assert until(lambda: ended(pid))
    os.close(reading)


@pytest.mark.parametrize("launch", [None, "", "nonsense", "1 2 3"])
def test_without_a_launch_it_lives_on(launch):
    variables = {} if launch is None else {LAUNCH_VARIABLE: launch}
    process, reading = start([*code(CHILD), "good"], **variables)
    assert int(os.read(reading, 100)) == process.pid
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.kill()
    process.wait()
    os.close(reading)


def test_another_process_is_not_taken_for_the_launch():
    pid, started = this_launch()[LAUNCH_VARIABLE].split()
    began = time.monotonic()
    wait_for_end(int(pid), str(int(started) - 1))
    assert time.monotonic() - began < 1.0


def test_the_end_is_seen_without_a_process_descriptor(monkeypatch):
    def forbidden(_pid):
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    child = subprocess.Popen(["sleep", "0.3"])
    with open(f"/proc/{child.pid}/stat") as file:
        started = file.read().rpartition(")")[2].split()[19]
    wait_for_end(child.pid, started)  # a zombie counts as ended
    assert child.wait(0) == 0
