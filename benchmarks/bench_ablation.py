"""Dynamic Experience Replay on and off: the ablation study of the paper, run by run.

    ros2 run der_ros benchmark ablation [--study paper] [--seeds 5] [--jobs 2]
        [--task lap_joint] [--structure no_demos] [--results benchmarks/results]

Each run uses one core in its own process and writes one small file below --results. A finished run
is not repeated, and an interrupted run starts again from its beginning. So you can stop the command
at any time (Ctrl-C, SIGTERM) and continue by calling it again. To run it in the background, only in
idle time: ``chrt --idle 0 ros2 run der_ros benchmark ablation``. For tables and plots of the
finished runs: ``ros2 run der_ros plot_runs --paper``.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.replay.structures import STRUCTURE_NAMES
from der_ros.training.study.design import STUDIES, TASK_SETTINGS, StudyRun, study_runs
from der_ros.training.study.run_record import read_records, record_path, write_record
from support.report import Figure, argument_parser, show

# One core per run: a library's own threads would take cores from other runs.
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_POLL_S = 0.2


def main() -> int:
    """Execute the missing runs, and print how many are finished."""
    options = _parser().parse_args()
    try:
        if options.one:
            return run_one(StudyRun(**json.loads(options.one)), options.results)
        runs = _chosen(options)
        with only_command(options.results) as lock:
            jobs = Jobs(options.results, options.jobs, lock)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: jobs.interrupt())
            failed = jobs.work(missing(options.results, runs))
    except DerRosError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on with what is not finished", file=sys.stderr)
        return 130
    finished = len(runs) - len(missing(options.results, runs))
    show(
        "ablation", [Figure("runs", len(runs), ""), Figure("finished", finished, "")], options.json
    )
    return 1 if failed else 0


def run_one(run: StudyRun, results: Path) -> int:
    """Execute one run in this process and write its record."""
    from der_ros.training.study.trial import run_trial

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends its runs
    # Before the training, so that a folder that cannot be created is reported at once.
    record_path(results, run).parent.mkdir(parents=True, exist_ok=True)
    record = run_trial(run)
    write_record(results, record)
    final, first = record["final"], record["first_success"]
    print(
        f"{run.name}: {final['successes']} of {final['episodes']}, "
        f"{f'first success after {first} steps' if first else 'no success in training'}, "
        f"{record['cpu_minutes']} CPU minutes",
        file=sys.stderr,
        flush=True,
    )
    return 0


def missing(results: Path, runs: Sequence[StudyRun]) -> list[StudyRun]:
    """Return the runs that have no record yet, in order."""
    finished = {record.run for record in read_records(results, runs)}
    return [run for run in runs if run not in finished]


@contextmanager
def only_command(results: Path) -> Iterator[int]:
    """Lock the results folder against other ablation commands; yield the lock for child processes.

    Raises:
        ConfigurationError: Another command, or a run that it left behind, uses the folder.
    """
    results.mkdir(parents=True, exist_ok=True)
    with (results / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"{results}: expected no other ablation command at work there, there is one, or a "
                "run that it has left; wait for it, or choose another folder"
            ) from None
        yield file.fileno()


class Jobs:
    """Executor of runs in parallel, each in a process of its own."""

    def __init__(self, results: Path, jobs: int, lock: int) -> None:
        """Prepare without starting a run; ``lock`` is the open lock file, inherited by the runs."""
        self._results, self._jobs, self._lock = results, jobs, lock
        self._at_work: dict[subprocess.Popen[bytes], StudyRun] = {}
        self._interrupted = False
        self.failed: list[StudyRun] = []

    def interrupt(self) -> None:
        """End ``work`` soon; for signal handlers.

        An exception of the handler could strike between the start of a run and its entry in the
        list of active ones, and leave it behind.
        """
        self._interrupted = True

    def work(self, runs: Sequence[StudyRun]) -> list[StudyRun]:
        """Execute the runs in order and return those that failed.

        Raises:
            KeyboardInterrupt: ``interrupt`` was called; all active runs have ended.
        """
        waiting = list(runs)
        try:
            while waiting or self._at_work:
                while waiting and len(self._at_work) < self._jobs:
                    run = waiting.pop(0)
                    self._at_work[self._start(run)] = run
                time.sleep(_POLL_S)
                if self._interrupted:
                    raise KeyboardInterrupt
                self._collect()
        finally:
            self._end()
        return self.failed

    def _start(self, run: StudyRun) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            __file__,
            "--results",
            str(self._results),
            "--one",
            json.dumps(run._asdict()),
        ]
        return subprocess.Popen(command, env=os.environ | _ONE_THREAD, pass_fds=(self._lock,))

    def _collect(self) -> None:
        for process in [process for process in self._at_work if process.poll() is not None]:
            run = self._at_work.pop(process)
            if process.returncode or not record_path(self._results, run).exists():
                self.failed.append(run)
                print(f"{run.name}: ended with {process.returncode}", file=sys.stderr, flush=True)

    def _end(self) -> None:
        for process in self._at_work:
            process.terminate()
        for process in self._at_work:
            process.wait()


def _chosen(options: argparse.Namespace) -> list[StudyRun]:
    for name, least in (("seeds", 1), ("jobs", 1), ("env_steps", 1), ("first_seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ConfigurationError(f"{name}: expected at least {least}, got {value}")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    return list(
        study_runs(options.study, seeds, options.task or (), options.structure, options.env_steps)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--study", choices=tuple(STUDIES), default="paper", help="study (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="seeds per cell and arm (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="lowest seed (%(default)s)")
    parser.add_argument(
        "--task", choices=tuple(TASK_SETTINGS), action="append", help="task; default: all"
    )
    parser.add_argument(
        "--structure",
        choices=STRUCTURE_NAMES,
        action="append",
        default=[],
        help="replay structure; default: all",
    )
    parser.add_argument("--env-steps", type=int, help="budget of a run; default: the study's")
    parser.add_argument("--jobs", type=int, default=2, help="parallel runs (%(default)s)")
    parser.add_argument(
        "--results", type=Path, default=Path("benchmarks/results"), help="folder (%(default)s)"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
