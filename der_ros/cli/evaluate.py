"""``ros2 run der_ros evaluate``: how often a policy file succeeds, and how hard it pushes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from der_ros.cli._common import run_tool
from der_ros.errors import ConfigurationError
from der_ros.policy.runtime import OnnxPolicy
from der_ros.tasks import TASK_NAMES
from der_ros.training.config import TrainingConfig, make_config
from der_ros.training.environment import make_environment
from der_ros.training.evaluator import (
    EVALUATE_TOOL_SEED,
    EvaluationReport,
    evaluate,
    median,
    wilson_interval,
)

_SEEDS_APART = 1_000_000
_EPISODES_BETWEEN_LINES = 50


class Evaluation(NamedTuple):
    """What the tool prints."""

    task: str
    robot: str
    policy: str
    policy_sha256: str
    episodes: int
    successes: int
    success_rate: float
    success_interval: tuple[float, float]  # 95 %, Wilson
    median_duration_s: float | None  # of the successful episodes
    peak_force_n: float  # the largest of all episodes
    median_peak_force_n: float | None  # of the episodes' peaks
    mean_return: float


def main(args: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _evaluate(options))


def _evaluate(options: argparse.Namespace) -> int:
    if options.episodes < 1 or options.seed < 0:
        raise ConfigurationError(
            f"expected at least one episode and a seed of at least 0, got {options.episodes} "
            f"and {options.seed}"
        )
    policy = OnnxPolicy.load(options.policy, expected_task=options.task)
    config = _config(options, policy)
    first = EVALUATE_TOOL_SEED + options.seed * _SEEDS_APART
    environment = make_environment(config, robot=options.robot)
    try:
        robot = getattr(environment.unwrapped, "robot", options.robot or "robotless")
        report = evaluate(
            environment, policy, range(first, first + options.episodes), on_episode=_show_progress
        )
    finally:
        environment.close()
    _show(_summarise(report, options.task, str(robot), policy), options.json)
    return 0


def _config(options: argparse.Namespace, policy: OnnxPolicy) -> TrainingConfig:
    """The environment that the policy is made for."""
    given = {
        "task": options.task,
        "control_dt_s": policy.contract.control_dt_s,
        "clearance_m": options.clearance,
        "randomization": options.randomization,
    }
    return make_config({name: value for name, value in given.items() if value is not None})


def _summarise(report: EvaluationReport, task: str, robot: str, policy: OnnxPolicy) -> Evaluation:
    successes = sum(report.success)
    durations = [
        steps * policy.contract.control_dt_s
        for steps, success in zip(report.steps, report.success, strict=True)
        if success
    ]
    return Evaluation(
        task,
        robot,
        str(policy.path),
        policy.sha256,
        report.episodes,
        successes,
        report.success_rate,
        wilson_interval(successes, report.episodes),
        median(durations),
        max(report.peak_force_n),
        median(report.peak_force_n),
        report.mean_return,
    )


def _show(result: Evaluation, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result._asdict()))
        return
    low, high = result.success_interval
    print(
        f"{result.task} ({result.robot}): {result.successes} of {result.episodes} succeeded, "
        f"{result.success_rate:.1%} (95 % interval {low:.1%} to {high:.1%})"
    )
    if result.median_duration_s is not None:
        print(f"median duration of a success: {result.median_duration_s:.2f} s")
    print(f"peak force: {result.peak_force_n:.0f} N (median {result.median_peak_force_n:.0f} N)")


def _show_progress(report: EvaluationReport) -> None:
    if report.episodes % _EPISODES_BETWEEN_LINES == 0:
        text = f"{report.episodes} episodes, {sum(report.success)} succeeded"
        print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description="Runs a policy file in simulation, without noise, on seeds that training "
        "never uses.",
    )
    parser.add_argument("--task", choices=TASK_NAMES, default="lap_joint", help="(%(default)s)")
    parser.add_argument("--policy", type=Path, required=True, help="an exported .onnx file")
    parser.add_argument("--episodes", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other episodes (0)")
    parser.add_argument("--robot", help="the environment's robot; default: its own")
    parser.add_argument("--clearance", type=float, help="m; default: the environment's")
    parser.add_argument("--randomization", help="none, paper, …; default: the environment's")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, nothing else"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
