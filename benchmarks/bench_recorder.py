"""CPU load of the recorder in a busy cell, and the time of a snapshot.

    python benchmarks/bench_recorder.py [--json] [--seconds 40]

This process publishes wrenches at 1 kHz, and pose, joints, applied twist and command at 250 Hz
each, like a robot with 4 ms cycles. The recorder runs in another process, with its black box on,
and records a bag throughout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

TOPICS = (
    ("netft_data", WrenchStamped, 1000.0),
    ("kuka/tcp_pose", PoseStamped, 250.0),
    ("kuka/joint_states", JointState, 250.0),
    ("kuka/twist_applied", TwistStamped, 250.0),
    ("kuka/delta_twist_cmds", TwistStamped, 250.0),
)
DEADLINE_S = 20.0


def _start(run_dir: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "der_ros.nodes.recording.bag_recorder", "--ros-args"]
    return subprocess.Popen([*command, "-p", f"run_dir:={run_dir}"])


def _publish(publishers: Sequence[tuple[Any, Any, float]], seconds: float) -> int:
    """Publish each topic at its rate for ``seconds``; return the number of messages."""
    began_s, sent = time.monotonic(), [0] * len(publishers)
    while (gone_s := time.monotonic() - began_s) < seconds:
        for index, (publisher, message, rate) in enumerate(publishers):
            while sent[index] < rate * gone_s:
                publisher.publish(message)
                sent[index] += 1
        time.sleep(0.002)
    return sum(sent)


def _call(node: Any, kind: Any, name: str, request: Any) -> str:
    client = node.create_client(kind, f"bag_recorder/{name}")
    if not client.wait_for_service(DEADLINE_S):
        raise TimeoutError(f"bag_recorder/{name} did not answer")
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=DEADLINE_S)
    response = future.result()
    if response is None or not response.success:
        raise RuntimeError(f"bag_recorder/{name}: {response}")
    return str(response.message)


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(seconds: float) -> dict[str, float]:
    """Run the recorder; return its load, the duration of a snapshot, and the bag's losses."""
    rclpy.init()
    node = rclpy.create_node("busy_cell")
    publishers = [
        (node.create_publisher(kind, name, 1000), kind(), rate) for name, kind, rate in TOPICS
    ]
    with tempfile.TemporaryDirectory() as run_dir:
        process = _start(run_dir)
        try:
            _call(node, SetBool, "record", SetBool.Request(data=True))
            before_s, began_s = _cpu_s(process.pid), time.monotonic()
            sent = _publish(publishers, seconds)
            cpu = (_cpu_s(process.pid) - before_s) / (time.monotonic() - began_s)
            asked_s = time.monotonic()
            snapshot = Path(_call(node, Trigger, "snapshot", Trigger.Request()))
            while not snapshot.is_dir() and time.monotonic() - asked_s < DEADLINE_S:
                _publish(publishers, 0.02)
            snapshot_s = time.monotonic() - asked_s
            bag = _call(node, SetBool, "record", SetBool.Request(data=False))
            size_mb = sum(path.stat().st_size for path in snapshot.glob("*.mcap")) / 1e6
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    rclpy.shutdown()
    lost = int(bag.partition("\n")[2].partition(" ")[0] or 0)
    return {
        "messages_per_s": sent / seconds,
        "cpu_percent": 100.0 * cpu,
        "snapshot_s": snapshot_s,
        "snapshot_mb": size_mb,
        "lost_messages": lost,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of the recording, s")
    figures = measure((options := parser.parse_args(arguments)).seconds)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<16} {value:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
