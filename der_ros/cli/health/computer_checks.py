"""Computer checks of ``doctor``: Python, packages, scheduling and timers."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from der_ros.drivers.realtime import may_lock_memory
from der_ros.errors import DerRosError

MIN_PYTHON = (3, 10)
REALTIME_PRIORITY = 50
"""SCHED_FIFO priority that kuka_bridge asks for by default."""

_REQUIRED = ("numpy", "onnxruntime", "rosbags", "mcap", "yaml")
_EXTRAS = {
    "simulation": ("pybullet", "gymnasium"),
    "training": ("torch", "onnx", "tensorboard", "matplotlib"),
}
_RCLPY_TIMEOUT_S = 60.0
_NAPS, _NAP_S = 50, 0.002
_LATE_NAP_S = 0.001
_COARSE_CLOCK_S = 1e-4
_REALTIME_KERNEL = Path("/sys/kernel/realtime")


class CheckLevel(str, Enum):
    """Severity of a check's result: ok, warning or problem."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        area: Area: environment, ports, clock, network, policy or parameters.
        name: Name of the check.
        level: Severity of the result.
        message: Finding.
        advice: Remedy; empty if there is no problem.
    """

    area: str
    name: str
    level: CheckLevel
    message: str
    advice: str = ""


def examined(area: str, name: str, examine: Callable[[], Check], advice: str = "") -> Check:
    """Run ``examine`` and return its check; turn an exception into a problem.

    The text of an error after its first semicolon becomes the advice; without one, ``advice`` does.
    """
    try:
        return examine()
    except (DerRosError, OSError, ImportError) as error:
        what, _, own_advice = str(error).partition("; ")
        return Check(area, name, CheckLevel.PROBLEM, what, own_advice or advice)


def check_environment() -> Iterator[Check]:
    """Check Python, ROS 2, and the packages for deployment, simulation and training."""
    yield check_python(sys.version_info[:2])
    yield examined("environment", "rclpy", check_rclpy)
    # Not "launch": in a checkout, the folder launch/ would be mistaken for the package.
    yield check_launch(is_installed("launch_ros"))
    missing = [name for name in _REQUIRED if not is_installed(name)]
    yield check_packages(missing)
    for job, names in _EXTRAS.items():
        absent = [name for name in names if not is_installed(name)]
        found = f"not installed: {', '.join(absent)} (a robot needs none)" if absent else "complete"
        yield Check("environment", job, CheckLevel.OK, found)


def check_python(version: tuple[int, int]) -> Check:
    """Check the Python version, (major, minor)."""
    text = ".".join(map(str, version))
    if version >= MIN_PYTHON:
        return Check("environment", "python", CheckLevel.OK, f"{text} at {sys.executable}")
    least = ".".join(map(str, MIN_PYTHON))
    return Check(
        "environment",
        "python",
        CheckLevel.PROBLEM,
        f"expected {least} or newer, got {text}",
        "run it with a newer Python: ROS2W_PYTHON=/path/to/python3.11 ./ros2w setup",
    )


def check_rclpy(python: str = sys.executable) -> Check:
    """Check in a child process that rclpy loads, because importing it changes the process."""
    advice = "source ROS 2's setup.bash, or run this by ./ros2w"
    try:
        result = subprocess.run(
            [python, "-c", "import rclpy"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RCLPY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"did not load within {_RCLPY_TIMEOUT_S:g} s"
        return Check("environment", "rclpy", CheckLevel.PROBLEM, message, advice)
    if result.returncode == 0:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        return Check("environment", "rclpy", CheckLevel.OK, f"loads; ROS_DOMAIN_ID {domain}")
    reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
    return Check("environment", "rclpy", CheckLevel.PROBLEM, f"does not load: {reason}", advice)


def check_launch(there: bool) -> Check:
    """Return the check that the package ``launch_ros`` is installed."""
    if there:
        return Check("environment", "launch", CheckLevel.OK, "installed")
    return Check(
        "environment",
        "launch",
        CheckLevel.WARNING,
        "not installed: no launch file will run",
        "source ROS 2's setup.bash, or run launch files by ./ros2w launch",
    )


def check_packages(missing: list[str]) -> Check:
    """Return the check of the packages for deployment; ``missing`` lists those not installed."""
    if not missing:
        return Check("environment", "robot side", CheckLevel.OK, "complete")
    return Check(
        "environment",
        "robot side",
        CheckLevel.PROBLEM,
        f"not installed: {', '.join(missing)}",
        "./ros2w setup --robot-only, or pip install -r requirements/robot.txt",
    )


def is_installed(name: str) -> bool:
    """Return True if the module ``name`` can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def check_clock() -> Iterator[Check]:
    """Check real-time permissions and the wake-up latency of the kernel."""
    yield check_realtime(is_realtime_allowed())
    yield check_locked_memory(may_lock_memory())
    yield check_timer(time.get_clock_info("monotonic").resolution, measure_naps())


def is_realtime_allowed() -> bool:
    """Return True if this user may use SCHED_FIFO, tested in a short-lived thread."""
    allowed: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
            allowed.append(True)
        except (OSError, AttributeError):
            allowed.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return allowed == [True]


def check_realtime(allowed: bool, kernel: Path = _REALTIME_KERNEL) -> Check:
    """Return the check that real-time scheduling is allowed for the robot's thread."""
    preempt = kernel.is_file() and kernel.read_text().strip() == "1"
    kind = "a PREEMPT_RT kernel" if preempt else "an ordinary kernel"
    if allowed:
        return Check(
            "clock",
            "real-time scheduling",
            CheckLevel.OK,
            f"SCHED_FIFO {REALTIME_PRIORITY} is allowed, on {kind}",
        )
    return Check(
        "clock",
        "real-time scheduling",
        CheckLevel.WARNING,
        f"SCHED_FIFO {REALTIME_PRIORITY} is refused, on {kind}; a busy computer will answer late",
        "give this user 'rtprio 60' in /etc/security/limits.conf and log in again",
    )


def check_locked_memory(allowed: bool) -> Check:
    """Return the check that ``kuka_bridge`` may lock its memory against paging."""
    if allowed:
        return Check("clock", "locked memory", CheckLevel.OK, "allowed without a limit")
    return Check(
        "clock",
        "locked memory",
        CheckLevel.WARNING,
        "limited for this user; a page that is fetched from disk makes an answer late",
        "give this user 'memlock unlimited' in /etc/security/limits.conf and log in again",
    )


def measure_naps() -> list[float]:
    """Measure the oversleep of 50 sleeps of 2 ms each, s."""
    late = []
    for _ in range(_NAPS):
        due = time.monotonic() + _NAP_S
        time.sleep(_NAP_S)
        late.append(time.monotonic() - due)
    return late


def check_timer(resolution_s: float, late_s: list[float]) -> Check:
    """Return the check that the kernel's timer is precise enough for a 4 ms cycle."""
    typical, worst = statistics.median(late_s), max(late_s)
    measured = (
        f"sleeps end {1e3 * typical:.2f} ms late (worst of {len(late_s)}: {1e3 * worst:.2f} ms), "
        f"the monotonic clock counts in {1e9 * resolution_s:.0f} ns"
    )
    if typical <= _LATE_NAP_S and resolution_s <= _COARSE_CLOCK_S:
        return Check("clock", "kernel timer", CheckLevel.OK, measured)
    return Check(
        "clock",
        "kernel timer",
        CheckLevel.WARNING,
        measured,
        "close other programs; in a virtual machine, use a real one; use cycle_ms:=12",
    )
