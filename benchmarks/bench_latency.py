"""Latency from a force record on the wire to the correction that depends on it.

    ros2 run der_ros benchmark latency [--cycle-ms 12|4] [--seconds 60] [--policy-ms 60]

All nodes on the path are real: ft_bridge, policy_server and kuka_bridge, each in its own process.
The simulated sensor encodes the time in its force (a saw tooth of the monotonic clock), and the
policy's action is proportional to the force. So each correction on the wire contains the time of
the record that it depends on. A second run without a policy measures the governor's own path: there
the correction is the compliant motion of the tool.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped, WrenchStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from onnx import TensorProto, helper, numpy_helper
from rclpy.node import Node
from rclpy.time import Time

from der_ros.drivers.kuka.kr60_kinematics import forward
from der_ros.drivers.kuka.plant import UPRIGHT_RAD
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.policy.contract import PolicyContract
from der_ros.policy.file.checksum import stamped
from der_ros.policy.observation import OBSERVATION_NAMES
from support.deployment import PC_IP, ROBOT_IP, SENSOR_IP, Ports, own_domain, started, until
from support.processors import busy_core
from support.report import Figure, argument_parser, show
from support.simulated_devices import (
    ClockForce,
    Controller,
    Cycles,
    Floats,
    MeasuringController,
    Sensor,
    measuring_controller,
    sensor,
)

TCP = forward(UPRIGHT_RAD)
SPEED_MPS, SOFT_N, HARD_N = 0.05, 50.0, 1000.0
# The encoded time repeats after this period, so every path must be faster.
PERIOD_S = 0.5
POLL_S = 0.004
# Time resolution of the correction's last digit.
SAME_S = 5e-4


class Way(NamedTuple):
    """One path from force to correction.

    Attributes:
        name: Prefix of its figures' names.
        force: Force that the sensor measures.
        metres_per_second: Speed at the ends of the saw tooth.
    """

    name: str
    force: ClockForce
    metres_per_second: float


def ways() -> tuple[Way, Way]:
    """Return the paths through the policy and through the governor alone."""
    # The task's axes equal the base's; the sensor rotates with the TCP.
    axis = TCP.rotation.T @ np.array((1.0, 0.0, 0.0))
    yielding = 400.0
    return (
        Way("policy", ClockForce(axis, PERIOD_S, 0.8 * SOFT_N), SPEED_MPS),
        Way("governor", ClockForce(axis, PERIOD_S, yielding, SOFT_N), SPEED_MPS),
    )


def write_policy(path: Path, control_dt_s: float) -> None:
    """Write a policy whose first action is proportional to fx, 1 at the saw tooth's end."""
    weight = np.zeros((13, 6), np.float32)
    weight[OBSERVATION_NAMES.index("fx"), 0] = 1.0 / (0.8 * SOFT_N)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["observation", "w"], ["wanted"]),
            helper.make_node("Clip", ["wanted", "low", "high"], ["action"]),
        ],
        "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["N", 13])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["N", 6])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.float32(-1.0), "low"),
            numpy_helper.from_array(np.float32(1.0), "high"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    contract = PolicyContract("lap_joint", (SPEED_MPS,) * 6, control_dt_s)
    helper.set_model_props(model, contract.to_metadata())
    path.write_bytes(stamped(model.SerializeToString()))


def parameters(ports: Ports, cycle_ms: int, policy: Path) -> dict[str, dict[str, object]]:
    """Return the parameters of each node: those of a deployment, with wider limits."""
    frames = {
        "task_frame": [*TCP.position.tolist(), 0.0, 0.0, 0.0, 1.0],
        "tcp_from_sensor": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    }
    return {
        "ft_bridge": {
            "sensor_ip": SENSOR_IP,
            "rdt_port": ports.rdt,
            "http_port": ports.http,
            **frames,
        },
        "policy_server": {"policy": str(policy), **frames},
        "kuka_bridge": {
            "robot_ip": ROBOT_IP,
            "bind_address": PC_IP,
            "rsi_port": ports.rsi,
            "cycle_ms": cycle_ms,
            "max_linear_speed_mps": SPEED_MPS,
            "max_linear_acceleration_mps2": 1e4,
            "soft_force_n": SOFT_N,
            "hard_force_n": HARD_N,
            "soft_torque_nm": 900.0,
            "hard_torque_nm": 1000.0,
            "stiffness_n_per_m": 1e4,
            "yield_gain_mps_per_n": SPEED_MPS / 400.0,
            **frames,
        },
    }


def command(node: str, values: Mapping[str, object]) -> list[str]:
    """Return the command line that starts a node."""
    given = [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]
    return ["ros2", "run", "der_ros", node, "--ros-args", *given]


class Monitor:
    """Client that activates the policy and records the time encoded in wrenches and commands.

    Attributes:
        wrenches: Pairs (stamp, phase of the saw tooth) of the wrenches, system time in s.
        commands: Pairs (stamp, phase of the saw tooth) of the commands, system time in s.
    """

    def __init__(self, node: Node, way: Way) -> None:
        self._node = node
        self._way = way
        self.wrenches: list[tuple[float, float]] = []
        self.commands: list[tuple[float, float]] = []
        self._inputs = (
            PolledSubscription(node, WrenchStamped, "netft_data", 1000),
            PolledSubscription(node, TwistStamped, "kuka/delta_twist_cmds", 1000),
        )

    def activate(self) -> None:
        """Configure and activate the policy server."""
        client = self._node.create_client(ChangeState, "policy_server/change_state")
        until(lambda: client.wait_for_service(1.0), "policy_server")
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request()
            request.transition.id = transition
            future = client.call_async(request)
            rclpy.spin_until_future_complete(self._node, future, timeout_sec=30.0)
            if future.result() is None or not future.result().success:
                sys.exit(f"error: policy_server refused transition {transition}")

    def read(self) -> None:
        """Read all messages received since the last call."""
        for received in self._inputs[0].take():
            force = self._way.force.told_by(_sensor_force(received.message))
            self.wrenches.append((_stamp_s(received.message), force))
        for received in self._inputs[1].take():
            speed = received.message.twist.linear.x / self._way.metres_per_second
            self.commands.append((_stamp_s(received.message), speed))


def _sensor_force(message: Any) -> Floats:
    force = message.wrench.force
    return np.array((force.x, force.y, force.z))


def _stamp_s(message: Any) -> float:
    return 1e-9 * float(Time.from_msg(message.header.stamp).nanoseconds)


def made_at(told: Floats, at_s: Floats, period_s: float) -> Floats:
    """Return the times at which the records with these phases (-1 to 1) were made.

    Args:
        told: Phases, shape (n,).
        at_s: Times of reception, shape (n,), on the clock that the force encodes.
        period_s: Period of the saw tooth; the result is the latest possible time before ``at_s``.
    """
    phase = 0.5 * (told + 1.0) * period_s
    return at_s - (at_s - phase) % period_s


@contextlib.contextmanager
def nodes(values: Mapping[str, Mapping[str, object]], folder: Path) -> Iterator[None]:
    """Run the nodes for the block."""
    with contextlib.ExitStack() as stack:
        for name, given in values.items():
            stack.enter_context(started(command(name, given), folder / f"{name}.log"))
        yield


class Seen(NamedTuple):
    """Measurements of one path.

    Attributes:
        cycles: Cycles of the controller.
        wrenches: ``Monitor.wrenches`` as an array, shape (n, 2).
        commands: ``Monitor.commands`` as an array, shape (n, 2).
    """

    cycles: Cycles
    wrenches: Floats
    commands: Floats


def measure(way: Way, options: Any) -> Seen:
    """Run one path and return its measurements."""
    ports, cycle_s = Ports.free(), 1e-3 * options.cycle_ms
    box = Sensor(SENSOR_IP, ports.rdt, ports.http, options.sensor_hz, way.force, True)
    krc4 = Controller(ports.rsi, cycle_s, TCP, None, ROBOT_IP)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_policy(folder / "policy.onnx", 1e-3 * options.policy_ms)
        stack.enter_context(sensor(box))
        controller = stack.enter_context(measuring_controller(krc4))
        values = parameters(ports, options.cycle_ms, folder / "policy.onnx")
        stack.enter_context(nodes(values, folder))
        if options.busy_core:
            stack.enter_context(busy_core())
        rclpy.init()
        stack.callback(rclpy.try_shutdown)
        node = rclpy.create_node("benchmark_monitor")
        stack.callback(node.destroy_node)
        monitor = Monitor(node, way)
        if way.name == "policy":
            monitor.activate()
        return _record(controller, monitor, options.seconds)


def _record(controller: MeasuringController, monitor: Monitor, seconds: float) -> Seen:
    until(lambda: np.nan_to_num(controller.take().correction_mm).any(), "a correction")
    # Discard the startup.
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        monitor.read()
        time.sleep(POLL_S)
    monitor.wrenches.clear()
    monitor.commands.clear()
    controller.take()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        monitor.read()
        time.sleep(POLL_S)
    return Seen(
        controller.take(), np.array(monitor.wrenches), np.array(monitor.commands).reshape(-1, 2)
    )


class Corrections(NamedTuple):
    """First correction that depends on each record, for records with an effect; monotonic times, s.

    Attributes:
        made_s: Times (n,) at which the records were made.
        asked_s: Times (n,) at which the telegrams were sent that the corrections answer.
        answer_s: Times (n,) at which the corrections arrived.
    """

    made_s: Floats
    asked_s: Floats
    answer_s: Floats


def first_corrections(way: Way, cycles: Cycles, cycle_ms: int) -> Corrections:
    """Decode the record times from the corrections."""
    there = np.isfinite(cycles.answer_s)
    asked_s, answer_s = cycles.sent_s[there], (cycles.sent_s + cycles.answer_s)[there]
    told = cycles.correction_mm[there] / (way.metres_per_second * cycle_ms)
    made_s = made_at(told, answer_s, PERIOD_S)
    fresh = np.flatnonzero(np.diff(made_s) > SAME_S) + 1
    return Corrections(made_s[fresh], asked_s[fresh], answer_s[fresh])


def figures_of(way: Way, seen: Seen, options: Any) -> list[Figure]:
    """Return the figures of the whole path and of its parts."""
    it = first_corrections(way, seen.cycles, options.cycle_ms)
    system_from_monotonic = time.time() - time.monotonic()
    wrench_s = seen.wrenches[:, 0] - system_from_monotonic
    parts = {
        "part_record_to_netft_data": wrench_s - made_at(seen.wrenches[:, 1], wrench_s, PERIOD_S),
        "part_telegram_to_answer": it.answer_s - it.asked_s,
    }
    ready_s = it.made_s
    if way.name == "policy":
        command_s = seen.commands[:, 0] - system_from_monotonic
        command_made_s = made_at(seen.commands[:, 1], command_s, PERIOD_S)
        parts["part_record_to_command"] = command_s - command_made_s
        nearest = np.argmin(np.abs(command_made_s[None] - it.made_s[:, None]), axis=1)
        ready_s = command_s[nearest]
    # The controller decides when it sends; waiting for it, up to one cycle, is not our latency.
    waited_s = np.clip(it.asked_s - ready_s, 0.0, 1e-3 * options.cycle_ms)
    used_s = it.answer_s - it.made_s
    periods_s = 1e-3 * options.cycle_ms
    if way.name == "policy":
        periods_s += 1e-3 * options.policy_ms
    every_s = until_newer(it)
    parts["used_record_to_correction"] = used_s
    parts["used_record_to_correction_without_wait"] = used_s - waited_s
    parts["any_record_to_correction"] = every_s
    parts["any_record_beyond_the_periods"] = np.maximum(0.0, every_s - periods_s)
    return [
        Figure(f"{way.name}_corrections", len(it.made_s), ""),
        *(f for name, values in parts.items() for f in percentiles(f"{way.name}_{name}", values)),
    ]


def until_newer(it: Corrections) -> Floats:
    """Return the age, s, of the record that a correction uses, for records at every possible time.

    A record whose effect is not visible counts until the correction by the next newer record.
    """
    return np.concatenate(
        [
            answer - np.arange(made, before, -SAME_S)
            for before, made, answer in zip(it.made_s, it.made_s[1:], it.answer_s[1:], strict=False)
        ]
    )


def percentiles(name: str, values: Floats) -> list[Figure]:
    """Return p50, p99 and maximum of the values, in ms."""
    shown = {"p50": np.percentile(values, 50), "p99": np.percentile(values, 99)}
    shown["max"] = values.max()
    return [Figure(f"{name}_{which}", 1e3 * float(value), "ms") for which, value in shown.items()]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="duration per path, s")
    parser.add_argument("--cycle-ms", type=int, default=12, choices=(4, 12), help="cycle, ms")
    parser.add_argument("--policy-ms", type=float, default=60.0, help="period of the policy, ms")
    parser.add_argument("--sensor-hz", type=int, default=1000, help="force records per second")
    parser.add_argument("--busy-core", action="store_true", help="keep one core busy meanwhile")
    options = parser.parse_args()
    own_domain()
    figures = []
    for way in ways():
        figures += figures_of(way, measure(way, options), options)
    show("latency", figures, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
