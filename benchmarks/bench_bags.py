"""Speed and memory of the replay of a long bag, made by repeating a short one.

    python benchmarks/bench_bags.py [--json] [--minutes 10]

Speed is bag time per processor time of this process. Other load on the machine has little effect:
it makes the processor's caches and shared cores slower. Two bags are replayed, one with the
bridge's cycle inputs, as recorded today, and one without, as early bags are. ``replay`` is the
comparison of all topics; ``tool`` is all that ``replay_bag`` does after its start, with the check
of the bag and the actions from the recorded observations.
Memory is the growth of the process's peak from a bag of a tenth of the length to the full bag.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from der_ros.bags.reader import BagMessage, BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.cli.bag_commands import replay_bag as replay_tool
from der_ros.control.cycle_record import NO_STAMP_NS, cycle_from_numbers, cycle_numbers
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.attempt_setup import (
    APPLIED_TOPIC,
    COMMAND_TOPIC,
    CYCLE_TOPIC,
    LIMITS_TOPIC,
    POSE_TOPIC,
    WRENCH_TOPIC,
)
from der_ros.policy.policy_topics import ACTION_TOPIC, OBSERVATION_TOPIC, tick_label
from der_ros.policy.runtime import OnnxPolicy

ROOT = Path(__file__).resolve().parents[1]
BAGS = ROOT / "test" / "replay" / "bags"
SOURCES = {"exact": "kr60_exact", "guessed": "kr60_success"}
"""Repeated bags: with the bridge's cycle inputs, and without, so that they are guessed."""
POLICY = BAGS / "lap_joint.onnx"
CONTRACT = "policy/contract"
TYPES = {
    WRENCH_TOPIC: "geometry_msgs/msg/WrenchStamped",
    POSE_TOPIC: "geometry_msgs/msg/PoseStamped",
    APPLIED_TOPIC: "geometry_msgs/msg/TwistStamped",
    COMMAND_TOPIC: "geometry_msgs/msg/TwistStamped",
    OBSERVATION_TOPIC: "std_msgs/msg/Float32MultiArray",
    ACTION_TOPIC: "std_msgs/msg/Float32MultiArray",
    CYCLE_TOPIC: "std_msgs/msg/Float64MultiArray",
    CONTRACT: "diagnostic_msgs/msg/DiagnosticStatus",
    LIMITS_TOPIC: "diagnostic_msgs/msg/DiagnosticStatus",
}
LATCHED = (CONTRACT, LIMITS_TOPIC)
STAMPED = (WRENCH_TOPIC, POSE_TOPIC, APPLIED_TOPIC, COMMAND_TOPIC)
PAUSE_NS = 100_000_000


class Repetition(NamedTuple):
    """One repetition of a bag.

    Attributes:
        turn: Number of the repetition, from 0.
        shift_ns: Time by which its messages are later than the recorded ones, ns.
        cycles: Cycles in one repetition.
    """

    turn: int
    shift_ns: int
    cycles: int

    def shifted(self, message: BagMessage) -> bytes:
        """Return a message's bytes with its stamps, ticks and cycles shifted."""
        name, data = message.topic[1:], message.message
        if name in STAMPED:
            sec, nanosec = struct.unpack_from("<iI", data, 4)
            stamp = divmod(sec * 10**9 + nanosec + self.shift_ns, 10**9)
            return data[:4] + struct.pack("<iI", *stamp) + data[12:]
        store, kind = typestore(), TYPES[name]
        array = store.deserialize_cdr(data, kind)
        if name == CYCLE_TOPIC:
            array.data = np.array(self._later_cycle(array.data.tolist()))
        elif name not in LATCHED:
            word, _, number = array.layout.dim[0].label.rpartition(" ")
            array.layout.dim[0].label = tick_label(word, int(number) + 1000 * self.turn)
        return bytes(store.serialize_cdr(array, kind))

    def _later_cycle(self, numbers: list[float]) -> list[float]:
        stamp_ns, record = cycle_from_numbers(numbers)
        later_s = 1e-9 * self.shift_ns
        record = record._replace(
            number=record.number + self.turn * self.cycles,
            decided_s=record.decided_s + later_s,
            command_ns=self._later(record.command_ns),
            command_since_s=record.command_since_s + later_s,
            wrench_ns=self._later(record.wrench_ns),
            wrench_since_s=record.wrench_since_s + later_s,
        )
        return cycle_numbers(stamp_ns + self.shift_ns, record)

    def _later(self, stamp_ns: int) -> int:
        return stamp_ns if stamp_ns == NO_STAMP_NS else stamp_ns + self.shift_ns


def write_long_bag(source: Path, path: Path, seconds: float) -> None:
    """Repeat the bag ``source`` until the new one lasts ``seconds``; latched topics come once."""
    with BagReader(source) as reader:
        types = {name: kind for name, kind in TYPES.items() if reader.has(name)}
        messages = list(reader.serialized(*(f"/{name}" for name in types)))
    span_ns = messages[-1].stamp_ns - messages[0].stamp_ns + PAUSE_NS
    cycles = sum(each.topic[1:] == CYCLE_TOPIC for each in messages)
    with BagWriter(path, [RecordedTopic(f"/{name}", kind) for name, kind in types.items()]) as bag:
        for turn in range(max(1, round(1e9 * seconds / span_ns))):
            repetition = Repetition(turn, turn * span_ns, cycles)
            for each in messages:
                if turn == 0 or each.topic[1:] not in LATCHED:
                    data = repetition.shifted(each)
                    bag.write(each.topic, data, each.stamp_ns + repetition.shift_ns)


def measure(source: str, seconds: float) -> dict[str, float]:
    """Replay a bag of ``seconds``; return bag time, speeds in times real time, and peak memory."""
    policy = OnnxPolicy.load(POLICY)
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "long"
        write_long_bag(BAGS / source, bag, seconds)
        began_s = time.process_time()
        replay = replay_bag(bag, policy, policy.contract.scale)
        replay_s = time.process_time() - began_s
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            began_s = time.process_time()
            replay_tool.main([str(bag), "--policy", str(POLICY)])
            tool_s = time.process_time() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bag_s = 1e-9 * (replay.end_ns - replay.start_ns)
    return {"bag_s": bag_s, "replay": bag_s / replay_s, "tool": bag_s / tool_s, "peak_mb": peak_mb}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the bag, minutes")
    options = parser.parse_args(arguments)
    figures: dict[str, float] = {}
    for name, source in SOURCES.items():
        short = measure(source, 6.0 * options.minutes)
        found = measure(source, 60.0 * options.minutes)
        figures |= {
            f"{name}_bag_s": found["bag_s"],
            f"{name}_replay_times_real_time": found["replay"],
            f"{name}_tool_times_real_time": found["tool"],
            f"{name}_peak_growth_mb": found["peak_mb"] - short["peak_mb"],
        }
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<30} {value:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
