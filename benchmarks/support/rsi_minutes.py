"""Minutes of the whole stack under RSI, one line of a file each, and their totals."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from der_ros.geometry import Pose
from der_ros.policy.shipped import shipped_config_file
from der_ros.tasks import make_task
from support.deployment import (
    ROBOT_IP,
    SENSOR_IP,
    Ports,
    attempts,
    cpu_seconds,
    deployment,
    own_domain,
    start_attempts,
    until,
)
from support.histogram import Histogram, plot
from support.processors import Stalls, busy_core, stall_watch
from support.simulated_devices import (
    Controller,
    Cycles,
    Floats,
    MeasuringController,
    NoisyForce,
    Sensor,
    measuring_controller,
    sensor,
)

SENSOR_RATE_HZ = 1000


class Minutes:
    """Totals of all lines in one file.

    Raises:
        SystemExit: The file was recorded with other settings.
    """

    def __init__(self, path: Path, cycle_ms: int, busy: bool) -> None:
        self.path, self.cycle_ms, self.busy_core = path, cycle_ms, busy
        self.minutes = self.cycles = self.late = self.longest_late = 0
        self.late_by_us = self.longest_late_by_us = self.stops = 0
        self.outcomes: Counter[str] = Counter()
        self.answer, self.wake_up, self.stalls = Histogram(), Histogram(), Histogram()
        self.answer_max_s = self.wake_up_max_s = 0.0
        self.cpu_percent: dict[str, float] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                self._add(json.loads(line))

    def append(self, minute: dict[str, Any]) -> None:
        """Write one more minute to the file and add it to the totals."""
        minute = {"cycle_ms": self.cycle_ms, "busy_core": self.busy_core, **minute}
        with self.path.open("a") as file:
            file.write(json.dumps(minute) + "\n")
        self._add(minute)

    def _add(self, minute: dict[str, Any]) -> None:
        setting = (minute["cycle_ms"], minute["busy_core"])
        if setting != (self.cycle_ms, self.busy_core):
            sys.exit(
                f"error: {self.path} holds minutes with other settings, {setting}; name another"
            )
        before = self.minutes
        self.minutes += 1
        self.cycles += minute["cycles"]
        self.late += len(minute["late"])
        self.longest_late = max(self.longest_late, minute["longest_late"])
        self.late_by_us += minute["late_by_us"]
        self.longest_late_by_us = max(self.longest_late_by_us, minute["longest_late_by_us"])
        self.stops += minute["stops"]
        self.stalls.merge(Histogram(minute["stalls"]))
        self.outcomes.update(minute["outcomes"])
        self.answer.merge(Histogram(minute["answer"]))
        self.wake_up.merge(Histogram(minute["wake_up"]))
        self.answer_max_s = max(self.answer_max_s, minute["answer_max_s"])
        self.wake_up_max_s = max(self.wake_up_max_s, minute["wake_up_max_s"])
        for name, percent in minute["cpu_percent"].items():
            mean = (self.cpu_percent.get(name, 0.0) * before + percent) / self.minutes
            self.cpu_percent[name] = mean

    def plot(self, path: Path) -> None:
        """Plot both distributions to an image file."""
        plot(
            {
                "telegram to answer": self.answer,
                "the simulated controller's own wake-up": self.wake_up,
            },
            {"1 ms": 1e-3, "cycle": 1e-3 * self.cycle_ms},
            path,
        )


def measure_minutes(path: Path, wanted: int, cycle_ms: int, busy: bool) -> Minutes:
    """Run the whole stack until the file holds ``wanted`` minutes."""
    minutes = Minutes(path, cycle_ms, busy)
    if minutes.minutes >= wanted:
        return minutes
    with _stack(cycle_ms, busy) as (controller, stalls, launch, run_dir):
        controller.take(), stalls.take()
        while minutes.minutes < wanted:
            done, spent, begin = len(attempts(run_dir)), cpu_seconds(launch), time.monotonic()
            time.sleep(60.0)
            cycles, passed = controller.take(), time.monotonic() - begin
            minute = _minute(cycles, 1e-3 * cycle_ms, stalls.take())
            used = {
                name: round(100.0 * (total - spent.get(name, 0.0)) / passed, 1)
                for name, total in cpu_seconds(launch).items()
            }
            results = attempts(run_dir)[done:]
            faults = [result["reason"] for result in results if result["outcome"] == "fault"]
            minutes.append(
                {
                    **minute,
                    "cpu_percent": used,
                    "faults": faults,
                    "outcomes": [result["outcome"] for result in results],
                    "load": os.getloadavg()[0],
                }
            )
            print(
                f"minute {minutes.minutes}: {minutes.late} late so far",
                *faults,
                sep="; ",
                file=sys.stderr,
            )
            if faults:
                # On hardware an operator would check the fault and continue.
                start_attempts()
    return minutes


@contextlib.contextmanager
def _stack(cycle_ms: int, busy: bool) -> Iterator[tuple[MeasuringController, Stalls, int, Path]]:
    """Run devices and deployment for the block, with attempts started."""
    own_domain()
    ports = Ports.free()
    box = Sensor(SENSOR_IP, ports.rdt, ports.http, SENSOR_RATE_HZ, NoisyForce())
    krc4 = Controller(ports.rsi, 1e-3 * cycle_ms, *_start_poses(), ROBOT_IP)
    with contextlib.ExitStack() as stack:
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(sensor(box))
        controller = stack.enter_context(measuring_controller(krc4))
        launch = stack.enter_context(deployment(cycle_ms, ports, run_dir))
        if busy:
            stack.enter_context(busy_core())
        stalls = stack.enter_context(stall_watch())
        start_attempts()
        log = run_dir / "launch.log"
        until(lambda: "attempt 1: running" in log.read_text(), f"an attempt; see {log}")
        yield controller, stalls, launch, run_dir


def _start_poses() -> tuple[Pose, Pose]:
    """Return the start pose (robot base) and the tool's pose (flange) of the shipped files."""
    path = shipped_config_file("deploy_kr60.yaml")
    if not path.exists():
        sys.exit(f"error: expected {path}, found no such file; build the package again")
    nodes = yaml.safe_load(path.read_text())
    task_frame = nodes["/**"]["ros__parameters"]["task_frame"]
    tool = nodes["/**/sim_cell"]["ros__parameters"]["flange_from_tcp"]
    start = Pose.from_sequence(task_frame, "task_frame") @ make_task("lap_joint").start_pose
    return start, Pose.from_sequence(tool, "flange_from_tcp")


def _minute(cycles: Cycles, cycle_s: float, stalls: Floats) -> dict[str, Any]:
    late = cycles.answer_s > cycle_s
    ours = late.copy()
    for row in np.flatnonzero(late & np.isfinite(cycles.answer_s)):
        sent_s, answer_s = cycles.sent_s[row], cycles.answer_s[row]
        ours[row] = answer_s - _stood_still_s(sent_s, sent_s + answer_s, stalls) > cycle_s
    distributions = {
        "answer": cycles.answer_s,
        "wake_up": cycles.woke_late_s,
        "stalls": stalls[:, 1] - stalls[:, 0],
    }
    histograms = {name: Histogram() for name in distributions}
    for name, values in distributions.items():
        histograms[name].add(values)
    in_time = cycles.answer_s[np.isfinite(cycles.answer_s)]
    return {
        "cycles": len(late),
        # Pairs of time within the minute, s, and duration, ms; a missing answer is null.
        "late": [
            [round(at, 3), round(1e3 * took, 3) if np.isfinite(took) else None]
            for at, took in zip(
                (cycles.sent_s - cycles.sent_s[0])[late], cycles.answer_s[late], strict=True
            )
        ],
        "longest_late": _longest_run(late),
        "late_by_us": int(ours.sum()),
        "longest_late_by_us": _longest_run(ours),
        # A gap in the telegrams is a stop, since nothing is sent while RSI is off.
        "stops": int((np.diff(cycles.sent_s) > 0.25).sum()),
        **{name: histogram.to_data() for name, histogram in histograms.items()},
        "answer_max_s": float(in_time.max(initial=0.0)),
        "wake_up_max_s": float(cycles.woke_late_s.max(initial=0.0)),
    }


def _stood_still_s(begin_s: float, end_s: float, stalls: Floats) -> float:
    """Return the time during which at least one processor was stalled, s."""
    clipped = np.clip(stalls, begin_s, end_s)
    total, until_s = 0.0, begin_s
    for begin, end in sorted(clipped[clipped[:, 1] > clipped[:, 0]].tolist()):
        total += max(0.0, end - max(begin, until_s))
        until_s = max(until_s, end)
    return total


def _longest_run(flags: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True."""
    longest = run = 0
    for flag in flags.tolist():
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest
