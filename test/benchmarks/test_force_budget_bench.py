"""Benchmark of the force budget: figures, continuation after an interruption, and plot."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments):
    script = str(ROOT / "benchmarks" / "bench_force_budget.py")
    chosen = ["--robot", "robotless", "--episodes", "1", "--budget", "120", "--json", *arguments]
    return subprocess.run(
        [sys.executable, script, *chosen], capture_output=True, text=True, timeout=120, check=True
    )


def test_a_kept_budget_is_not_measured_again(tmp_path):
    kept, plot = tmp_path / "points.jsonl", tmp_path / "plot.png"
    name = "lap_joint.robotless.120.peak_force_median_n"
    assert json.loads(command("--keep", str(kept)).stdout)["figures"][name]["value"] > 0.0
    (line,) = kept.read_text().splitlines()
    marked = json.loads(line)
    marked["figures"]["peak_force_median_n"] = 12345.0
    kept.write_text(json.dumps(marked) + "\n")
    again = command("--keep", str(kept), "--plot", str(plot))
    assert json.loads(again.stdout)["figures"][name]["value"] == 12345.0
    assert plot.stat().st_size > 1000
