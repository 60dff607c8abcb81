"""How long one governor cycle and one inference take; prints one JSON object.

The governor runs in every control cycle of training and of RSI (4 or 12 ms); the inference races
torch's own forward pass of the same network, one row, one thread.

    python benchmarks/bench_governor_inference.py
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import FilteredPolicy, export_policy
from der_ros.policy.governor import GovernorLimits, GovernorState, govern
from der_ros.policy.runtime import OnnxPolicy

CALLS = 20_000
HIDDEN = 256


def percentiles_us(function: Callable[[], object], calls: int = CALLS) -> dict[str, float]:
    """p50 and p99 of single calls, microseconds, after a warm-up."""
    for _ in range(calls // 10):
        function()
    times = np.empty(calls)
    for i in range(calls):
        start = time.perf_counter_ns()
        function()
        times[i] = time.perf_counter_ns() - start
    return {
        "p50_us": float(np.median(times)) / 1e3,
        "p99_us": float(np.percentile(times, 99)) / 1e3,
    }


def governor() -> dict[str, dict[str, float]]:
    """One cycle in free motion and one in contact above the soft limit."""
    limits = GovernorLimits(workspace_min_m=(-0.1,) * 3, workspace_max_m=(0.1,) * 3)
    state, command, here = GovernorState.rest(), np.full(6, 0.03), np.zeros(3)
    cases = {"free": np.full(6, 1.0), "soft_force": np.array([20.0, 30.0, 60.0, 0.0, 0.0, 0.0])}
    return {
        name: percentiles_us(lambda w=wrench: govern(limits, state, command, w, here, 0.012))
        for name, wrench in cases.items()
    }


def inference() -> dict[str, object]:
    """One row through onnxruntime and through torch."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    policy = torch.nn.Sequential(
        torch.nn.Linear(13, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 6), torch.nn.Tanh(),
    )  # fmt: skip
    mean, std = np.zeros(13), np.ones(13)
    contract = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.onnx"
        difference = export_policy(policy, mean, std, 5.0, contract, path, {})
        exported = OnnxPolicy.load(path)
    observation = np.linspace(-1, 1, 13, dtype=np.float32)
    module, row = FilteredPolicy(policy, mean, std, 5.0).eval(), torch.from_numpy(observation)[None]
    ours = percentiles_us(lambda: exported(observation))
    with torch.inference_mode():
        torchs = percentiles_us(lambda: module(row))
    return {
        "onnxruntime": ours,
        "torch": torchs,
        "ratio": torchs["p50_us"] / ours["p50_us"],
        "max_difference": difference,
    }


def main() -> int:
    """Prints the figures."""
    print(json.dumps({"governor": governor(), "inference": inference()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
