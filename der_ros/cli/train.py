"""``ros2 run der_ros train``: trains a policy, without ROS."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from der_ros.cli._tool import add_environment_options, add_settings, run_tool
from der_ros.errors import ConfigurationError
from der_ros.settings import settings_of
from der_ros.threads import call_on_signals
from der_ros.training.config import TrainingConfig, parse_override
from der_ros.training.run.launch_options import LAUNCHED, RunOptions
from der_ros.training.run.options import resolve_run
from der_ros.training.run.report import outcome_line, progress_line, share_done
from der_ros.training.run.training_run import TrainingRun

_FIELDS = (*LAUNCHED, "env", "success_return")
_SECONDS_BETWEEN_LINES = 15.0


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _train(options))


def _train(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    chosen = {name: getattr(options, name) for name in _FIELDS}
    overrides = {name: value for name, value in chosen.items() if value is not None}
    overrides |= dict(parse_override(text) for text in options.set)
    if options.option:
        overrides["env_options"] = dict(parse_override(text) for text in options.option)
    if options.resume and options.preset:
        raise ConfigurationError(
            f"--preset {options.preset}: a run that goes on has its own configuration; leave it "
            "out, or change single values with --set"
        )
    preset = options.preset or ("gym" if options.env else "fast")
    config, run_dir, resume = resolve_run(
        preset, overrides, options.run_dir or "", options.resume or ""
    )
    with _display(config) as display:
        run = TrainingRun(config, run_dir, resume, display.show)
        _stop_on_signals(run)
        outcome = run.run()
    print(outcome_line(outcome))
    return 0


def _stop_on_signals(run: TrainingRun) -> None:
    """Let Ctrl-C and SIGTERM end the run with a checkpoint and an export, even if repeated."""
    if threading.current_thread() is threading.main_thread():
        call_on_signals((signal.SIGINT, signal.SIGTERM), lambda _number: run.stop())


class _Display(Protocol):
    def show(self, metrics: dict[str, float]) -> None: ...

    def __enter__(self) -> _Display: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class _Lines:
    """Occasional progress lines, for output that is not a terminal."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._last = 0.0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, metrics: dict[str, float]) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES or "rollout/evaluation_return" in metrics:
            self._last = now
            print(progress_line(metrics, self._config), flush=True)


class _Bar:
    """Progress bar with the remaining time, for a terminal."""

    def __init__(self, config: TrainingConfig) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._config = config
        self._progress = Progress(
            BarColumn(bar_width=24), TimeRemainingColumn(), TextColumn("{task.description}")
        )
        self._task = self._progress.add_task("starting", total=1.0)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, metrics: dict[str, float]) -> None:
        line = progress_line(metrics, self._config)
        done = share_done(metrics, self._config)
        self._progress.update(self._task, completed=done, description=line)


def _display(config: TrainingConfig) -> _Display:
    return _Bar(config) if sys.stdout.isatty() else _Lines(config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train",
        description="Trains a policy in simulation and exports it as policy.onnx. Ctrl-C saves a "
        "checkpoint and exports. Settings that are not given come from the preset.",
    )
    add_settings(parser, [each for each in settings_of(TrainingConfig) if each.name in _FIELDS])
    add_settings(parser, settings_of(RunOptions))
    add_environment_options(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other hyper-parameter of der_ros/training/config.py; may be repeated",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
