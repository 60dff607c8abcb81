"""``ros2 run der_ros evaluate``: measures a policy's success rate and contact forces."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from der_ros.cli import INTERRUPTED
from der_ros.cli._evaluate_output import Contestant, EpisodeProgress, show, summarise
from der_ros.cli._tool import add_environment_options, add_json_option, run_tool
from der_ros.envs.assembly import AssemblyEnv
from der_ros.envs.randomization import PRESETS
from der_ros.envs.scripted import blind_action, oracle_action
from der_ros.envs.video_file import make_video_file
from der_ros.envs.video_recording import VideoRecording, frame_interval
from der_ros.errors import ConfigurationError
from der_ros.policy.runtime import OnnxPolicy
from der_ros.sim.camera import has_display
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.tasks import TASK_NAMES
from der_ros.training.config import TrainingConfig, make_config, parse_override
from der_ros.training.demonstrations.success_saver import SuccessSaver
from der_ros.training.environment.factory import make_environment
from der_ros.training.environment.wrappers import Environment
from der_ros.training.evaluation.episodes import EVALUATE_TOOL_SEED, Act, EvaluationReport, evaluate

SCRIPTED: dict[str, Callable[[AssemblyEnv], Any]] = {
    "oracle": oracle_action,
    "blind": blind_action,
}
_SEEDS_APART = 1_000_000


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _evaluate(options))


def _check_options(options: argparse.Namespace) -> None:
    """Check numbers of episodes, seed and display before anything is loaded.

    Raises:
        ConfigurationError: An option is out of range, or there is no display for ``--window``.
    """
    if options.episodes < 1 or options.seed < 0:
        raise ConfigurationError(
            f"expected at least one episode and a seed of at least 0, got {options.episodes} "
            f"and {options.seed}"
        )
    if options.video_episodes < 1:
        raise ConfigurationError(
            f"--video-episodes: expected at least one episode, got {options.video_episodes}"
        )
    if options.window and not has_display():
        raise ConfigurationError(
            "--window: expected a display, got none that answers; set DISPLAY, or use --video"
        )


def _evaluate(options: argparse.Namespace) -> int:
    _check_options(options)
    policy = OnnxPolicy.load(options.policy, options.task) if options.policy else None
    contestant = _contestant(options, policy)
    with ExitStack() as stack:
        if options.window:
            stack.enter_context(_standard_output_to_error())
        environment = make_environment(
            _config(options, policy), options.robot, "human" if options.window else None
        )
        stack.callback(environment.close)
        assembly: AssemblyEnv = environment.unwrapped  # type: ignore[assignment]
        saver = None
        if options.save_demos is not None:
            environment = saver = SuccessSaver(environment, options.save_demos)
        if options.video is not None:
            environment = _filmed(environment, options, contestant, stack)
        act = policy or partial(_scripted, SCRIPTED[contestant.controller], assembly)
        report = _run(environment, act, options)
    if report.episodes == 0:
        print("interrupted before the first episode ended", file=sys.stderr)
        return INTERRUPTED
    result = summarise(report, options.task, assembly.robot, contestant, options.episodes)
    show(result, options.json)
    if options.video is not None:
        print(f"wrote {options.video}", file=sys.stderr)
    if saver is not None:
        print(f"wrote {saver.saved} demonstrations to {options.save_demos}", file=sys.stderr)
    return 0 if result.complete else INTERRUPTED


def _run(environment: Environment, act: Act, options: argparse.Namespace) -> EvaluationReport:
    """Run the episodes and return their report.

    After the first Ctrl-C the report holds the finished episodes; a second one aborts.
    """
    interrupted = threading.Event()
    first = EVALUATE_TOOL_SEED + options.seed * _SEEDS_APART
    filmed = options.video_episodes if options.video is not None else 0
    with EpisodeProgress(options.episodes, filmed) as progress, _first_interrupt(interrupted):
        return evaluate(
            environment,
            act,
            range(first, first + options.episodes),
            interrupted.is_set,
            progress.show,
        )


@contextmanager
def _first_interrupt(interrupted: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def on_signal(_number: int, _frame: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _standard_output_to_error() -> Iterator[None]:
    """Redirect standard output to standard error, because PyBullet's window prints to it."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def _contestant(options: argparse.Namespace, policy: OnnxPolicy | None) -> Contestant:
    if policy is None:
        return Contestant(options.controller)
    return Contestant("policy", str(policy.path), policy.sha256)


def _scripted(
    action: Callable[[AssemblyEnv], Any], environment: AssemblyEnv, _observation: object
) -> Any:
    return action(environment)


def _filmed(
    environment: Environment,
    options: argparse.Namespace,
    contestant: Contestant,
    stack: ExitStack,
) -> Environment:
    control_dt_s: float = environment.unwrapped.control_dt_s  # type: ignore[attr-defined]
    fps = 1.0 / (control_dt_s * frame_interval(control_dt_s))
    episodes = min(options.video_episodes, options.episodes)
    video = make_video_file(options.video, fps)
    return VideoRecording(environment, stack.enter_context(video), episodes, contestant.label)


def _config(options: argparse.Namespace, policy: OnnxPolicy | None) -> TrainingConfig:
    """Return the configuration of the environment to evaluate in."""
    settings = {
        "task": options.task,
        "control_dt_s": None if policy is None else policy.contract.control_dt_s,
        "clearance_m": options.clearance,
        "randomization": options.randomization,
        "env_options": dict(parse_override(text) for text in options.option),
        # A policy file folds observations itself, and demonstrations are saved unfolded.
        "fold_symmetry": False,
    }
    return make_config({name: value for name, value in settings.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description="Runs a policy file, or a scripted controller, in simulation, on seeds that "
        "training never uses. Ctrl-C prints the figures so far and ends with exit code 130.",
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--policy", type=Path, help="an exported .onnx file")
    who.add_argument(
        "--controller",
        choices=tuple(SCRIPTED),
        help="scripted controller in place of a policy: it knows the true goal, or pushes straight "
        "down",
    )
    parser.add_argument(
        "--task", choices=TASK_NAMES, default="lap_joint", help="task (%(default)s)"
    )
    parser.add_argument(
        "--episodes", type=int, default=100, help="number of episodes (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the episodes (%(default)s)")
    parser.add_argument("--robot", choices=ROBOT_NAMES, help="robot; default: the task's own")
    parser.add_argument(
        "--clearance", type=float, help="clearance of the pieces, m; default: the task's own"
    )
    parser.add_argument(
        "--randomization", choices=tuple(PRESETS), help="preset of the randomisation; default: none"
    )
    add_environment_options(parser)
    parser.add_argument(
        "--video", type=Path, help="write a film of the first episodes, .mp4 or .gif"
    )
    parser.add_argument(
        "--video-episodes", type=int, default=3, help="number of filmed episodes (%(default)s)"
    )
    parser.add_argument(
        "--save-demos",
        type=Path,
        metavar="FOLDER",
        help="write each success as a demonstration, .npz, for `train --demos FOLDER`",
    )
    parser.add_argument(
        "--window", action="store_true", help="show all episodes in PyBullet's window, in real time"
    )
    add_json_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
