"""Parameters that the launch file passes to the nodes."""

import runpy
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
    for device in ("joy", "keyboard", "scripted"):
        assert "rightful_sources" not in given(device)["policy_server"]


def test_an_out_that_cannot_be_made_starts_nothing(tmp_path):
    (tmp_path / "file").touch()
    beside = runpy.run_path(str(LAUNCH_FILE))["beside"]
    with pytest.raises(RuntimeError, match=r"nothing was started: out: .*file cannot be made"):
        beside({**VALUES, "device": "scripted", "out": str(tmp_path / "file")})
    assert beside({**VALUES, "device": "scripted", "out": str(tmp_path / "new")}) == []
