"""RSI: codec against an XML library, and how soon telegrams are answered; prints one JSON object.

The simulated controller runs in a process of its own, as the real one runs on a computer of its
own; its late wake-ups are reported apart from the answers.

    python benchmarks/bench_rsi.py [--seconds 20] [--cycle-ms 12]
"""

import argparse
import json
import multiprocessing
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np

from der_ros.drivers.figures import LatencyFigures
from der_ros.drivers.kuka import rsi
from der_ros.drivers.kuka.krc4 import KinematicPlant, SimulatedKrc4, SimulatedKrc4Config
from der_ros.drivers.kuka.records import RobotState, RsiServerConfig
from der_ros.drivers.kuka.server import RsiServer
from der_ros.drivers.realtime import settle_collector
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.nodes.bridge_motion import BridgeMotion, MotionConfig
from der_ros.policy.governor import GovernorLimits

CALLS = 20_000
SIX = (1620.0, 0.0, 1910.0, 0.0, 90.0, 0.0)
TELEGRAM = rsi.build_robot_telegram(rsi.RobotTelegram(543265442, SIX, SIX, SIX, 0))
ANSWER = rsi.SensorTelegram(543265442, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0))


def median_us(function: Callable[[], object]) -> float:
    """Median of single calls, microseconds, after a warm-up."""
    times = np.empty(CALLS)
    for i in range(-CALLS // 10, CALLS):
        start = time.perf_counter_ns()
        function()
        times[i] = time.perf_counter_ns() - start
    return float(np.median(times)) / 1e3


def with_library() -> tuple[int, list[float], list[float], int]:
    """What ``parse_robot_telegram`` gives, by xml.etree (RSol left out in the library's favour)."""
    root = ET.fromstring(TELEGRAM)
    measured, axes = root.find("RIst"), root.find("AIPos")
    delay = root.find("Delay")
    assert measured is not None
    assert axes is not None
    assert delay is not None
    return (
        int(root.findtext("IPOC", "")),
        [float(measured.attrib[tag]) for tag in rsi.CARTESIAN_TAGS],
        [float(axes.attrib[tag]) for tag in rsi.AXIS_TAGS],
        int(delay.attrib["D"]),
    )


def build_with_library() -> bytes:
    """The answer by xml.etree."""
    root = ET.Element("Sen", Type="ImFree")
    values = zip(rsi.CARTESIAN_TAGS, ANSWER.correction, strict=True)
    ET.SubElement(root, "RKorr", {tag: f"{value:.4f}" for tag, value in values})
    ET.SubElement(root, "IPOC").text = str(ANSWER.ipoc)
    return ET.tostring(root)


def codec() -> dict[str, float]:
    """Parse and build, ours and the library's, in turn."""
    parse, build = (
        median_us(lambda: rsi.parse_robot_telegram(TELEGRAM)),
        median_us(lambda: rsi.build_sensor_telegram(ANSWER)),
    )
    parse_library, build_library = median_us(with_library), median_us(build_with_library)
    return {
        "parse_us": parse,
        "build_us": build,
        "etree_parse_us": parse_library,
        "etree_build_us": build_library,
        "ratio": (parse + build) / (parse_library + build_library),
    }


def controller(port: int, cycle_s: float, pipe: Connection) -> None:
    """The controller's process: runs until told, then sends its figures."""
    with SimulatedKrc4(
        SimulatedKrc4Config(pc_port=port, cycle_s=cycle_s), KinematicPlant()
    ) as krc4:
        settle_collector()
        pipe.recv()
        pipe.send(krc4.statistics)


def latency(seconds: float, cycle_s: float) -> dict[str, object]:
    """Answers with the bridge's own decisions: frames, wrench, governor, corrections."""
    limits = GovernorLimits(workspace_min_m=(-9.0,) * 3, workspace_max_m=(9.0,) * 3)
    motion = BridgeMotion(MotionConfig(Pose.identity(), Pose.identity(), limits))

    def on_cycle(state: RobotState) -> Twist:
        push = 0.01 if state.ipoc // 1000 % 2 else -0.01
        motion.accept_wrench(Wrench.zero())
        motion.accept_command(Twist(np.array((push, 0.0, 0.0)), np.zeros(3)), "base_link", 0.0)
        return motion.on_cycle(state)

    here, there = multiprocessing.Pipe()
    config = RsiServerConfig(port=0, cycle_s=cycle_s)
    with RsiServer(config, on_cycle, motion.on_answered) as server:
        settle_collector()
        child = multiprocessing.get_context("spawn").Process(
            target=controller, args=(server.port, cycle_s, there), daemon=True
        )
        child.start()
        while server.statistics.answered == 0:
            time.sleep(0.01)
        time.sleep(seconds)
        here.send("end")
        seen = here.recv()
        child.join()
        ours = server.statistics
    return {
        "cycle_ms": 1e3 * cycle_s,
        "cycles": seen.cycles,
        "late": seen.late,
        "late_in_a_row": seen.longest_late,
        "faults": motion.counts.faults,
        "answer_ms": milliseconds(ours.answer),
        "seen_by_controller_ms": milliseconds(seen.answer),
        "controller_wake_up_ms": milliseconds(seen.wake_up),
    }


def milliseconds(figures: LatencyFigures) -> dict[str, float]:
    """p50, p99 and maximum in ms."""
    return {
        "p50": 1e3 * figures.p50_s,
        "p99": 1e3 * figures.p99_s,
        "max": 1e3 * figures.max_s,
    }


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to answer")
    parser.add_argument("--cycle-ms", type=int, default=12, choices=(4, 12))
    arguments = parser.parse_args()
    figures = {
        "codec": codec(),
        "latency": latency(arguments.seconds, 0.001 * arguments.cycle_ms),
    }
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
