"""RSI: latency of answers, alone and in the whole stack, and the codec against XML libraries.

    ros2 run der_ros benchmark rsi                                  codec, echo and 20 s alone
    ros2 run der_ros benchmark rsi --cycle-ms 4 --busy-core              the same on a busy computer
    ros2 run der_ros benchmark rsi --minutes 10 --cycle-ms 12            the whole stack
    ros2 run der_ros benchmark rsi --minutes 10 --cycle-ms 4 --busy-core

The simulated controller runs in its own process, as the real one runs on its own computer. Its late
wake-ups are reported separately, and an answer's time is its arrival in the kernel. Each minute of
the whole stack is one line of ``--out``; an interrupted benchmark continues there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np

from der_ros.control.bridge_motion import BridgeMotion
from der_ros.control.motion_config import MotionConfig
from der_ros.drivers.kuka import rsi_telegrams
from der_ros.drivers.kuka.rsi_records import RobotState, RsiServerConfig
from der_ros.drivers.kuka.rsi_server import RsiServer
from der_ros.drivers.latency_window import LatencyFigures
from der_ros.drivers.realtime import (
    DeferredCollector,
    request_memory_lock,
    request_scheduling_of_all,
)
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.policy.governor import GovernorLimits
from support.histogram import Histogram
from support.processors import busy_core
from support.report import Body, Figure, argument_parser, call_times_us, less_is_better, show
from support.rsi_minutes import Minutes, measure_minutes
from support.simulated_devices import ECHO_PRIORITY, Controller, Cycles, echo, measuring_controller

SIX = (1620.0, 0.0, 1910.0, 0.0, 90.0, 0.0)
TELEGRAM = rsi_telegrams.build_robot_telegram(
    rsi_telegrams.RobotTelegram(543265442, SIX, SIX, SIX, 0)
)
ANSWER = rsi_telegrams.SensorTelegram(543265442, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0))


def libraries() -> dict[str, Any]:
    """Return the installed XML libraries by name; they have the same interface."""
    found: dict[str, Any] = {"xml.etree": ET}
    if importlib.util.find_spec("lxml") is not None:
        import lxml.etree

        found["lxml"] = lxml.etree
    return found


def with_library(library: Any) -> tuple[int, list[float], list[float], int]:
    """Parse the telegram with an XML library like ``parse_robot_telegram``, without RSol."""
    root = library.fromstring(TELEGRAM)
    measured, axes, delay = root.find("RIst").attrib, root.find("AIPos").attrib, root.find("Delay")
    return (
        int(root.findtext("IPOC", "")),
        [float(measured[tag]) for tag in rsi_telegrams.CARTESIAN_TAGS],
        [float(axes[tag]) for tag in rsi_telegrams.AXIS_TAGS],
        int(delay.attrib["D"]),
    )


def build_with_library(library: Any) -> bytes:
    """Build the answer with an XML library."""
    root = library.Element("Sen", Type="ImFree")
    values = zip(rsi_telegrams.CARTESIAN_TAGS, ANSWER.correction, strict=True)
    library.SubElement(root, "RKorr", {tag: f"{value:.4f}" for tag, value in values})
    library.SubElement(root, "IPOC").text = str(ANSWER.ipoc)
    return bytes(library.tostring(root))


def codec() -> list[Figure]:
    """Measure parsing and building, ours and each library's in turn."""
    figures = []
    for name, library in libraries().items():
        races: dict[str, tuple[Body, Body]] = {
            "parse": (
                lambda: rsi_telegrams.parse_robot_telegram(TELEGRAM),
                lambda peer=library: with_library(peer),
            ),
            "build": (
                lambda: rsi_telegrams.build_sensor_telegram(ANSWER),
                lambda peer=library: build_with_library(peer),
            ),
        }
        suffix = "" if name == "xml.etree" else f"_{name}"
        for what, (ours, theirs) in races.items():
            mine, peer = median_us(ours), median_us(theirs)
            figures.append(less_is_better(f"{what}{suffix}", mine, "us", name, peer))
    return figures


def median_us(body: Body) -> float:
    """Return the median of single calls, us."""
    return float(np.median(call_times_us(body)))


def alone(seconds: float, cycle_s: float) -> list[Figure]:
    """Measure answers of the bridge's motion (frames, wrench, governor, corrections), no ROS."""
    limits = GovernorLimits(workspace_min_m=(-9.0,) * 3, workspace_max_m=(9.0,) * 3)
    motion = BridgeMotion(MotionConfig(Pose.identity(), Pose.identity(), limits))
    collector = DeferredCollector()
    request_memory_lock(), request_scheduling_of_all(ECHO_PRIORITY - 10)

    def on_cycle(state: RobotState) -> Twist:
        push = 0.01 if state.ipoc // 1000 % 2 else -0.01
        motion.accept_wrench(Wrench.zero())
        motion.accept_command(Twist(np.array((push, 0.0, 0.0)), np.zeros(3)), "base_link", 0.0)
        return motion.on_cycle(state)

    config = RsiServerConfig(port=0, cycle_s=cycle_s)
    with (
        RsiServer(config, on_cycle, motion.on_answered) as server,
        measuring_controller(Controller(server.port, cycle_s)) as controller,
    ):
        collector.freeze()
        while server.statistics.answered < 100:
            time.sleep(0.01)
        controller.take()
        time.sleep(seconds)
        cycles = controller.take()
        ours = server.statistics
    late = cycles.answer_s > cycle_s
    return [
        Figure("alone_cycle", 1e3 * cycle_s, "ms"),
        Figure("alone_cycles", len(late), ""),
        Figure("alone_late", int(late.sum()), ""),
        Figure("alone_faults", motion.counts.faults, ""),
        *milliseconds("alone_kernel_to_answer", ours.answer),
        *distribution("alone_answer", cycles),
    ]


def floor(seconds: float, cycle_s: float) -> list[Figure]:
    """Measure answers of a minimal responder, the lower bound for any answer."""
    with (
        echo() as port,
        measuring_controller(Controller(port, cycle_s)) as controller,
    ):
        time.sleep(1.0)
        controller.take()
        time.sleep(seconds)
        cycles = controller.take()
    late = int((cycles.answer_s > cycle_s).sum())
    return [Figure("echo_late", late, ""), *distribution("echo_answer", cycles)]


def distribution(name: str, cycles: Cycles) -> list[Figure]:
    """Return percentiles of the controller's answer times, and of its own lateness."""
    figures = []
    for kind, values in ((name, cycles.answer_s), (f"{name}_wake_up", cycles.woke_late_s)):
        shown = {f"p{percent:g}": np.percentile(values, percent) for percent in (50, 99, 99.9)}
        shown["max"] = values.max()
        figures += [
            Figure(f"{kind}_{which}", 1e3 * float(value), "ms") for which, value in shown.items()
        ]
    return figures


def milliseconds(name: str, figures: LatencyFigures) -> list[Figure]:
    """Return p50, p99 and maximum in ms."""
    values = {"p50": figures.p50_s, "p99": figures.p99_s, "max": figures.max_s}
    return [Figure(f"{name}_{which}", 1e3 * value, "ms") for which, value in values.items()]


def of_whole_stack(minutes: Minutes) -> list[Figure]:
    """Return the figures of all minutes in the file."""
    cycles = max(1, minutes.cycles)
    counted = {
        "minutes": (minutes.minutes, "min"),
        "cycle": (minutes.cycle_ms, "ms"),
        "busy_core": (int(minutes.busy_core), ""),
        "cycles": (minutes.cycles, ""),
        "late": (minutes.late, ""),
        "late_part": (100.0 * minutes.late / cycles, "%"),
        "late_in_a_row": (minutes.longest_late, ""),
        "late_without_stall": (minutes.late_by_us, ""),
        "late_without_stall_part": (100.0 * minutes.late_by_us / cycles, "%"),
        "late_without_stall_in_a_row": (minutes.longest_late_by_us, ""),
        "stalls": (minutes.stalls.total, ""),
        "controller_stops": (minutes.stops, ""),
    }
    counted |= {f"attempts_{name}": (number, "") for name, number in minutes.outcomes.items()}
    load = {f"cpu_{name}": (part, "% of a core") for name, part in minutes.cpu_percent.items()}
    return [
        *(Figure(name, value, unit) for name, (value, unit) in {**counted, **load}.items()),
        *percentiles_of("answer", minutes.answer, minutes.answer_max_s),
        *percentiles_of("controller_wake_up", minutes.wake_up, minutes.wake_up_max_s),
    ]


def percentiles_of(name: str, histogram: Histogram, longest_s: float) -> list[Figure]:
    """Return the percentiles of a histogram, in ms."""
    values = {f"p{percent:g}": histogram.percentile_s(percent) for percent in (50, 99, 99.9, 99.99)}
    values["max"] = longest_s
    return [Figure(f"{name}_{which}", 1e3 * value, "ms") for which, value in values.items()]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="duration without ROS, s")
    parser.add_argument("--cycle-ms", type=int, default=12, choices=(4, 12), help="cycle, ms")
    parser.add_argument("--minutes", type=int, default=0, help="minutes of the whole stack")
    parser.add_argument("--busy-core", action="store_true", help="keep one core busy meanwhile")
    parser.add_argument(
        "--out", type=Path, help="file with one line per minute; default: rsi_*.jsonl"
    )
    parser.add_argument("--plot", type=Path, help="plot of the distributions (PNG)")
    options = parser.parse_args()
    if options.minutes == 0:
        cycle_s = 0.001 * options.cycle_ms
        figures = codec()
        with busy_core() if options.busy_core else contextlib.nullcontext():
            figures += [*floor(options.seconds, cycle_s), *alone(options.seconds, cycle_s)]
    else:
        name = f"rsi_{options.cycle_ms}ms{'_busy' if options.busy_core else ''}.jsonl"
        minutes = measure_minutes(
            options.out or Path(name), options.minutes, options.cycle_ms, options.busy_core
        )
        if options.plot is not None:
            minutes.plot(options.plot)
        figures = of_whole_stack(minutes)
    show("rsi", figures, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
