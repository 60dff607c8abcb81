"""Every name of the contract exists, or docs/architecture.md lists it as missing."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAUNCH_FILES = {
    "train_sim.launch.py",
    "deploy_kr60.launch.py",
    "deploy_iiwa.launch.py",
    "record_demos.launch.py",
    "replay_bag.launch.py",
}
EXECUTABLES = {
    *("sim_trainer", "policy_server", "ft_bridge", "kuka_bridge", "assembly_supervisor"),
    *("sim_cell", "demo_recorder", "bag_recorder", "bag_player"),
    *("train", "evaluate", "export_policy", "replay_bag", "benchmark", "plot_runs", "doctor"),
}
BENCHMARKS = {
    *("sim", "replay", "learner", "training", "inference", "latency", "rsi", "netft"),
    *("bags", "ablation"),
}


def test_what_is_not_built_is_said_to_be_missing():
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## Missing names")[2].partition("\n## ")[0]
    said = set(re.findall(r"^\| `([\w.]+)`", section, re.MULTILINE))
    installed = set(re.findall(r'^    "(\w+)",$', (ROOT / "setup.py").read_text(), re.MULTILINE))
    missing = LAUNCH_FILES - {path.name for path in (ROOT / "launch").iterdir()}
    missing |= EXECUTABLES - installed
    missing |= {name for name in BENCHMARKS if not (ROOT / f"benchmarks/bench_{name}.py").exists()}
    assert said == missing
