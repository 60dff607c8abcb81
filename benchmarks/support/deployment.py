"""The deployment as launched by a user, against simulated devices, and its CPU time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from der_ros.nodes.shared.middleware import keep_processes_apart

ROBOT_IP, SENSOR_IP, PC_IP = "127.0.0.2", "127.0.0.3", "127.0.0.1"
_PATIENCE_S = 90.0


class Ports(NamedTuple):
    """Ports of the simulated devices and the bridge."""

    rsi: int
    rdt: int
    http: int

    @classmethod
    def free(cls) -> Ports:
        """Return ports that are free now."""
        return cls(
            _free(socket.SOCK_DGRAM, PC_IP),
            _free(socket.SOCK_DGRAM, SENSOR_IP),
            _free(socket.SOCK_STREAM, SENSOR_IP),
        )


def _free(kind: socket.SocketKind, address: str) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def own_domain() -> None:
    """Restrict ROS to this host, in a domain that is unlikely to be used by others."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    keep_processes_apart()


@contextmanager
def deployment(cycle_ms: int, ports: Ports, run_dir: Path) -> Iterator[int]:
    """Launch ``deploy_kr60.launch.py`` in hardware mode against simulated devices.

    Yields:
        Process id of the launch.
    """
    arguments = {
        "robot": "rsi",
        "ft": "netft",
        "robot_ip": ROBOT_IP,
        "sensor_ip": SENSOR_IP,
        "rsi_port": ports.rsi,
        "rdt_port": ports.rdt,
        "http_port": ports.http,
        "cycle_ms": cycle_ms,
        "run_dir": run_dir,
    }
    words = [f"{name}:={value}" for name, value in arguments.items()]
    command = ["ros2", "launch", "der_ros", "deploy_kr60.launch.py", *words]
    with started(command, run_dir / "launch.log") as process:
        yield process.pid


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in its own session for the block; end the session afterwards."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def cpu_seconds(parent: int) -> dict[str, float]:
    """Return the CPU time so far of a process and its descendants, s, by executable name."""
    ticks = os.sysconf("SC_CLK_TCK")
    parents, spent = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        name = next((Path(word).name for word in words[1:] if word), words[0])
        parents[int(folder.name)] = int(fields[1])
        spent[int(folder.name)] = (name, (int(fields[11]) + int(fields[12])) / ticks)
    total: dict[str, float] = {}
    for pid, (name, seconds) in spent.items():
        if _is_below(pid, parent, parents):
            total[name] = total.get(name, 0.0) + seconds
    return total


def _is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        if pid == ancestor:
            return True
        pid = parents[pid]
    return False


def until(predicate: Callable[[], Any], what: str) -> Any:
    """Wait until ``predicate`` returns a true value, and return that value.

    Raises:
        SystemExit: The timeout has passed.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := predicate()):
        if time.monotonic() > deadline:
            sys.exit(f"error: waited {_PATIENCE_S:g} s without success for {what}")
        time.sleep(0.05)
    return found


def attempts(run_dir: Path) -> list[dict[str, Any]]:
    """Return the attempts in ``attempts.jsonl`` so far."""
    from der_ros.bags.attempt_log import read_attempts

    return read_attempts(run_dir).lines


def start_attempts() -> None:
    """Wait for the services, clear faults and start attempts, as an operator does."""
    import rclpy
    from std_srvs.srv import Trigger

    rclpy.init()
    try:
        node = rclpy.create_node("benchmark_operator")
        for service in ("kuka_bridge/reset_fault", "assembly_supervisor/start"):
            client = node.create_client(Trigger, service)
            until(lambda client=client: client.wait_for_service(1.0), service)
            future = client.call_async(Trigger.Request())
            rclpy.spin_until_future_complete(node, future, timeout_sec=_PATIENCE_S)
            if future.result() is None:
                sys.exit(f"error: {service} did not answer")
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
