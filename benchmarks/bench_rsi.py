"""RSI: how soon telegrams are answered, and the codec raced against an XML library.

The simulated controller runs in a process of its own, as the real one runs on a computer of its
own; its late wake-ups are reported apart from the answers.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import xml.etree.ElementTree as ET
from multiprocessing.connection import Connection

import numpy as np
from figures import Body, Figure, argument_parser, call_times_us, less_is_better, show

from der_ros.drivers.figures import LatencyFigures
from der_ros.drivers.kuka import rsi
from der_ros.drivers.kuka.krc4 import KinematicPlant, SimulatedKrc4, SimulatedKrc4Config
from der_ros.drivers.kuka.records import RobotState, RsiServerConfig
from der_ros.drivers.kuka.server import RsiServer
from der_ros.drivers.realtime import settle_collector
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.nodes.bridge_motion import BridgeMotion, MotionConfig
from der_ros.policy.governor import GovernorLimits

SIX = (1620.0, 0.0, 1910.0, 0.0, 90.0, 0.0)
TELEGRAM = rsi.build_robot_telegram(rsi.RobotTelegram(543265442, SIX, SIX, SIX, 0))
ANSWER = rsi.SensorTelegram(543265442, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0))


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


def codec() -> list[Figure]:
    """Parse and build, ours and the library's, in turn."""
    races = {
        "parse": (lambda: rsi.parse_robot_telegram(TELEGRAM), with_library),
        "build": (lambda: rsi.build_sensor_telegram(ANSWER), build_with_library),
    }
    return [
        less_is_better(name, median_us(ours), "us", "xml.etree", median_us(theirs))
        for name, (ours, theirs) in races.items()
    ]


def median_us(body: Body) -> float:
    """Median of single calls, us."""
    return float(np.median(call_times_us(body)))


def controller(port: int, cycle_s: float, pipe: Connection) -> None:
    """The controller's process: runs until told, then sends its figures."""
    with SimulatedKrc4(
        SimulatedKrc4Config(pc_port=port, cycle_s=cycle_s), KinematicPlant()
    ) as krc4:
        settle_collector()
        pipe.recv()
        pipe.send(krc4.statistics)


def latency(seconds: float, cycle_s: float) -> list[Figure]:
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
    counted = {
        "cycle": (1e3 * cycle_s, "ms"),
        "cycles": (seen.cycles, ""),
        "late": (seen.late, ""),
        "late_in_a_row": (seen.longest_late, ""),
        "faults": (motion.counts.faults, ""),
    }
    return [
        *(Figure(name, value, unit) for name, (value, unit) in counted.items()),
        *milliseconds("answer", ours.answer),
        *milliseconds("answer_seen_by_controller", seen.answer),
        *milliseconds("controller_wake_up", seen.wake_up),
    ]


def milliseconds(name: str, figures: LatencyFigures) -> list[Figure]:
    """p50, p99 and maximum in ms."""
    values = {"p50": figures.p50_s, "p99": figures.p99_s, "max": figures.max_s}
    return [Figure(f"{name}_{which}", 1e3 * value, "ms") for which, value in values.items()]


def main() -> int:
    """Prints the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to answer")
    parser.add_argument("--cycle-ms", type=int, default=12, choices=(4, 12))
    options = parser.parse_args()
    figures = [*codec(), *latency(options.seconds, 0.001 * options.cycle_ms)]
    show("rsi", figures, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
