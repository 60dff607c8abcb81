"""One policy inference, compared with torch's forward pass, and one governor cycle.

The governor runs in every control cycle of training and of RSI (4 or 12 ms). Both policies are the
same network with one row, on one thread.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import FilteredPolicy, export_policy
from der_ros.policy.governor import GovernorLimits, GovernorState, govern
from der_ros.policy.runtime import OnnxPolicy
from support.report import (
    Figure,
    argument_parser,
    call_times_us,
    less_is_better,
    percentiles,
    show,
)

HIDDEN = 256


def governor() -> list[Figure]:
    """Measure one governor cycle in free motion, and one in contact above the soft limit."""
    limits = GovernorLimits(workspace_min_m=(-0.1,) * 3, workspace_max_m=(0.1,) * 3)
    state, command, here = GovernorState.rest(), np.full(6, 0.03), np.zeros(3)
    cases = {"free": np.full(6, 1.0), "soft_force": np.array([20.0, 30.0, 60.0, 0.0, 0.0, 0.0])}
    figures = []
    for name, wrench in cases.items():
        times = call_times_us(lambda w=wrench: govern(limits, state, command, w, here, 0.012))
        figures += percentiles(f"governor_{name}", times, "us")
    return figures


def inference() -> list[Figure]:
    """Measure the inference of one row by onnxruntime and by torch."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    policy = torch.nn.Sequential(
        torch.nn.Linear(13, HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, 6),
        torch.nn.Tanh(),
    )
    mean, std = np.zeros(13), np.ones(13)
    contract = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.onnx"
        difference = export_policy(policy, mean, std, 5.0, contract, path, {})
        exported = OnnxPolicy.load(path)
    observation = np.linspace(-1, 1, 13, dtype=np.float32)
    module, row = FilteredPolicy(policy, mean, std, 5.0).eval(), torch.from_numpy(observation)[None]
    ours = call_times_us(lambda: exported(observation))
    with torch.inference_mode():
        theirs = call_times_us(lambda: module(row))
    return [
        less_is_better(
            f"inference_p{percent}",
            float(np.percentile(ours, percent)),
            "us",
            "torch",
            float(np.percentile(theirs, percent)),
        )
        for percent in (50, 99)
    ] + [Figure("max_difference_from_torch", difference, "")]


def main() -> int:
    """Run the benchmark and print its figures."""
    options = argument_parser(__doc__).parse_args()
    show("inference", [*inference(), *governor()], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
