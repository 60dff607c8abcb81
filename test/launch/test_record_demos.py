"""Parameters that the launch file passes to the nodes."""

import os
import pty
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "record_demos.launch.py"
VALUES = {"axis_map": "", "time_limit_s": 120.0, "task": "lap_joint", "robot": "sim", "seed": 0}
VALUES |= {"episodes": 1, "out": "demos", "joystick": "/dev/input/js0"}


def given(device):
    return runpy.run_path(str(LAUNCH_FILE))["extra"]({**VALUES, "device": device})


def test_a_topic_is_that_of_one_node_of_any_name():
    nodes = given("topic")
    assert nodes["policy_server"]["rightful_sources"] == ["joy ?"]
    assert nodes["demo_recorder"]["rightful_sources"] == ["joy ?"]


def test_other_devices_are_the_packages_own_nodes():
    for device in ("joy", "scripted"):
        assert "rightful_sources" not in given(device)["policy_server"]


def test_the_keyboard_needs_a_terminal_in_front(monkeypatch):
    monkeypatch.setattr(os, "tcgetpgrp", lambda _descriptor: os.getpgrp() + 1)
    with pytest.raises(RuntimeError, match="nothing was started: device:=keyboard: expected a"):
        given("keyboard")


GIVEN = """
import runpy, sys
nodes = runpy.run_path(sys.argv[1])["extra"]({values})
print(nodes["teleop_device"]["terminal"], "rightful_sources" in nodes["policy_server"])
"""


def test_the_keyboard_is_that_of_the_launchs_terminal():
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    values = {**VALUES, "device": "keyboard"}
    launch = subprocess.run(
        [sys.executable, "-c", GIVEN.format(values=values), str(LAUNCH_FILE)],
        stdin=slave,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(path, os.O_RDWR)),
        timeout=30.0,
    )
    assert launch.stdout.split() == [path, "False"]
    os.close(master)
    os.close(slave)


def test_an_out_that_cannot_be_made_starts_nothing(tmp_path):
    (tmp_path / "file").touch()
    beside = runpy.run_path(str(LAUNCH_FILE))["beside"]
    with pytest.raises(RuntimeError, match=r"nothing was started: out: .*file cannot be made"):
        beside({**VALUES, "device": "scripted", "out": str(tmp_path / "file")})
    assert beside({**VALUES, "device": "scripted", "out": str(tmp_path / "new")}) == []
