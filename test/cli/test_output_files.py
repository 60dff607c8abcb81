"""Tools whose output does not fit on the disk end with one line and leave nothing half written."""

from pathlib import Path

import pytest
from disks import file_limit

from der_ros.cli import demos, export_policy
from der_ros.cli.bag_commands import bags, replay_bag

ROOT = Path(__file__).resolve().parents[2]
BAG = ROOT / "test/replay/bags/kr60_success"
POLICY = ROOT / "models/lap_joint.onnx"
DEMOS = ROOT / "demonstrations/lap_joint"
RECORDED = ["--actions", "recorded"]

# By name: the tool, its arguments, and the name of its output.
CALLS = {
    "plot": (bags, ["plot", BAG, "--out", "OUT"], "out.png"),
    "minimize": (bags, ["minimize", BAG, "--keep", "verdict", "--out", "OUT"], "out"),
    "repair": (bags, ["repair", BAG / "kr60_success.mcap", "--out", "OUT"], "out"),
    "replay_bag --plot": (replay_bag, [BAG, *RECORDED, "--plot", "OUT"], "out.png"),
    "replay_bag --junit": (replay_bag, [BAG, "--junit", "OUT"], "out.xml"),
    "export_policy": (export_policy, [POLICY, "OUT", "--stamp"], "out.onnx"),
    "demos export": (demos, ["export", DEMOS, "OUT", "--to", "npz"], "out"),
    "demos trim": (demos, ["trim", DEMOS, "OUT"], "out"),
    "demos convert": (demos, ["convert", DEMOS, "OUT"], "out"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_full_disk_leaves_no_half_output(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tool, arguments, out = CALLS[name]
    texts = [str(tmp_path / out) if each == "OUT" else str(each) for each in arguments]
    with file_limit(100):
        code = tool.main(texts)
    assert code in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert any(str(tmp_path) in line for line in lines), lines
    assert not any("Traceback" in line for line in lines)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []
