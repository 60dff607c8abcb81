"""Speed and memory of the replay of a long bag, made by repeating a short one.

    python benchmarks/bench_bags.py [--json] [--minutes 10]

Speed is bag time per processor time of this process, so other load on the machine has no effect.
Memory is the growth of the process's peak from a bag of a tenth of the length to the full bag.
"""

from __future__ import annotations

import argparse
import json
import resource
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from der_ros.bags.reader import BagMessage, BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.attempt_setup import (
    APPLIED_TOPIC,
    COMMAND_TOPIC,
    LIMITS_TOPIC,
    POSE_TOPIC,
    WRENCH_TOPIC,
)
from der_ros.policy.policy_topics import ACTION_TOPIC, OBSERVATION_TOPIC, tick_label
from der_ros.policy.runtime import OnnxPolicy

ROOT = Path(__file__).resolve().parents[1]
BAGS = ROOT / "test" / "replay" / "bags"
SOURCE, POLICY = BAGS / "kr60_success", BAGS / "lap_joint.onnx"
CONTRACT = "policy/contract"
TYPES = {
    WRENCH_TOPIC: "geometry_msgs/msg/WrenchStamped",
    POSE_TOPIC: "geometry_msgs/msg/PoseStamped",
    APPLIED_TOPIC: "geometry_msgs/msg/TwistStamped",
    COMMAND_TOPIC: "geometry_msgs/msg/TwistStamped",
    OBSERVATION_TOPIC: "std_msgs/msg/Float32MultiArray",
    ACTION_TOPIC: "std_msgs/msg/Float32MultiArray",
    CONTRACT: "diagnostic_msgs/msg/DiagnosticStatus",
    LIMITS_TOPIC: "diagnostic_msgs/msg/DiagnosticStatus",
}
STAMPED = (WRENCH_TOPIC, POSE_TOPIC, APPLIED_TOPIC, COMMAND_TOPIC)
PAUSE_NS = 100_000_000


def write_long_bag(path: Path, seconds: float) -> None:
    """Repeat ``SOURCE`` until the bag lasts ``seconds``."""
    with BagReader(SOURCE) as reader:
        messages = list(reader.serialized(*(f"/{name}" for name in TYPES)))
    span_ns = messages[-1].stamp_ns - messages[0].stamp_ns + PAUSE_NS
    with BagWriter(path, [RecordedTopic(f"/{name}", kind) for name, kind in TYPES.items()]) as bag:
        for turn in range(max(1, round(1e9 * seconds / span_ns))):
            for message in messages:
                stamp_ns, data = _shifted(message, turn, span_ns)
                bag.write(message.topic, data, stamp_ns)


def _shifted(message: BagMessage, turn: int, span_ns: int) -> tuple[int, bytes]:
    """Return a message's bag time and bytes in repetition ``turn``, stamps and ticks shifted."""
    name, data = message.topic[1:], message.message
    if name in STAMPED:
        sec, nanosec = struct.unpack_from("<iI", data, 4)
        stamp = divmod(sec * 10**9 + nanosec + turn * span_ns, 10**9)
        data = data[:4] + struct.pack("<iI", *stamp) + data[12:]
    elif name in (OBSERVATION_TOPIC, ACTION_TOPIC):
        store, kind = typestore(), TYPES[name]
        array = store.deserialize_cdr(data, kind)
        word, _, number = array.layout.dim[0].label.rpartition(" ")
        array.layout.dim[0].label = tick_label(word, int(number) + 1000 * turn)
        data = bytes(store.serialize_cdr(array, kind))
    return message.stamp_ns + turn * span_ns, data


def measure(seconds: float) -> dict[str, float]:
    """Replay a bag of ``seconds`` and return its bag time, processor time and peak memory."""
    policy = OnnxPolicy.load(POLICY)
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "long"
        write_long_bag(bag, seconds)
        began_s = time.process_time()
        replay = replay_bag(bag, policy, policy.contract.scale)
        cpu_s = time.process_time() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bag_s = 1e-9 * (replay.end_ns - replay.start_ns)
    return {"bag_s": bag_s, "cpu_s": cpu_s, "times_real_time": bag_s / cpu_s, "peak_mb": peak_mb}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the bag, minutes")
    options = parser.parse_args(arguments)
    short = measure(6.0 * options.minutes)
    figures = measure(60.0 * options.minutes)
    figures["peak_growth_mb"] = figures["peak_mb"] - short["peak_mb"]
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<16} {value:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
