"""The node ``ft_bridge``: force and torque from a Net F/T box, or from another driver's topic.

A drop-in for netft_utils' driver: ``netft_data`` (WrenchStamped, reliable), ``netft_ready`` (Bool,
latched). Service: ``ft_bridge/bias``. A record whose status says that it cannot be trusted is not
published, so whoever depends on it sees it go stale.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import WrenchStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.records import ClientState, NetFtConfig, WrenchSample
from der_ros.drivers.netft.status import Severity
from der_ros.drivers.realtime import settle_collector
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Array, Wrench
from der_ros.nodes.common import (
    LATCHED,
    DiagnosticsPublisher,
    Level,
    ShellNode,
    Status,
    declare,
    run_node,
)
from der_ros.nodes.conversions import wrench_from_message, wrench_to_message
from der_ros.nodes.frames import SENSOR_FRAME

_RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_NEWEST = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_SOURCES = ("netft", "topic")


class WrenchPath:
    """From a raw reading to what is published: axis signs, bias, and the wanted rate. No ROS.

    One thread feeds it; ``bias`` may be called from another.
    """

    def __init__(self, signs: Array, rate_hz: float, bias_samples: int) -> None:
        self._signs = signs
        self._period_s = 1.0 / rate_hz
        self._due_s = float("-inf")
        self._recent: deque[tuple[float, Array]] = deque(maxlen=bias_samples)
        self._bias: Array = np.zeros(6)
        self._lock = threading.Lock()
        self.not_finite = 0
        self.taken_s = float("-inf")

    def take(self, wrench: Wrench, now_s: float) -> Wrench | None:
        """The biased wrench when one is due, else None."""
        reading = wrench.to_array() * self._signs
        if not np.isfinite(reading).all():
            self.not_finite += 1
            return None
        with self._lock:
            self._recent.append((now_s, reading))
            bias = self._bias
        self.taken_s = now_s
        if now_s < self._due_s:
            return None
        # A quarter of a period early is in time: the source's clock is not this one.
        self._due_s = max(self._due_s + self._period_s, now_s + 0.75 * self._period_s)
        return Wrench.from_array(reading - bias)

    def bias(self, now_s: float, max_age_s: float) -> tuple[Array, int]:
        """Takes the mean of the latest readings as zero; returns it and their number.

        Raises:
            ConnectionFailedError: there is no reading younger than ``max_age_s``.
        """
        with self._lock:
            fresh = [reading for _, reading in self._recent]
            if not fresh or now_s - self._recent[-1][0] > max_age_s:
                raise ConnectionFailedError(
                    "bias: expected fresh readings, got none; wait for netft_ready"
                )
            self._bias = np.mean(fresh, axis=0)
            return self._bias, len(fresh)

    def clear_bias(self) -> None:
        """Takes readings as they come again: the box itself was biased."""
        with self._lock:
            self._bias = np.zeros(6)
            self._recent.clear()


class FtBridge(ShellNode):
    """Publishes wrenches from a box or from a topic."""

    def __init__(self) -> None:
        super().__init__("ft_bridge")
        self._source = declare(
            self, "source", "netft", "Where wrenches come from", choices=_SOURCES
        )
        self._frame_id = declare(self, "frame_id", SENSOR_FRAME, "frame_id of netft_data")
        self._stale_after_s = declare(
            self, "stale_after_s", 0.1, "Without a reading for this long the sensor is not ready",
            minimum=0.005, maximum=1.0,
        )  # fmt: skip
        self._bias_in_box = declare(
            self, "bias_in_box", False, "ft_bridge/bias biases the box, not this node"
        )
        self._path = declare_path(self)
        self._config = declare_client(self, self._stale_after_s)
        topic = declare(self, "input_topic", "wrench", "WrenchStamped to read with source=topic")
        self._trusted = True
        self._ready: bool | None = None
        self._status_text = "OK"
        self._published = 0
        self._wrenches = self.create_publisher(WrenchStamped, "netft_data", _RELIABLE)
        self._readiness = self.create_publisher(Bool, "netft_ready", LATCHED)
        self.create_service(Trigger, "ft_bridge/bias", self._on_bias)
        self._client: NetFtClient | None = None
        if self._source == "topic":
            self.create_subscription(WrenchStamped, topic, self._on_message, _NEWEST)
        self.create_timer(0.05, self._watch)
        hardware = topic if self._source == "topic" else f"netft {self._config.sensor_ip}"
        self._diagnostics = DiagnosticsPublisher(self, hardware, self._report)
        self._watch()
        if self._source == "netft":
            self._client = NetFtClient(self._config, self._on_sample)
            self._client.__enter__()
        settle_collector()

    def close(self) -> None:
        """Stops the stream."""
        if self._client is not None:
            self._client.__exit__(None, None, None)

    def _on_sample(self, sample: WrenchSample) -> None:
        """In the client's thread, for the newest record."""
        status = sample.status
        self._trusted = status.severity is not Severity.ERROR
        self._status_text = str(status)
        if self._trusted:
            self._publish(sample.wrench)

    def _on_message(self, message: WrenchStamped) -> None:
        self._publish(wrench_from_message(message))

    def _publish(self, wrench: Wrench) -> None:
        due = self._path.take(wrench, time.monotonic())
        if due is not None:
            stamp = self.get_clock().now().to_msg()
            self._wrenches.publish(wrench_to_message(due, self._frame_id, stamp))
            self._published += 1

    def _on_bias(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            if self._bias_in_box and self._client is not None:
                self._client.bias()
                self._path.clear_bias()
                message = "the box was told to take its reading as zero"
            else:
                bias, count = self._path.bias(time.monotonic(), self._stale_after_s)
                numbers = ", ".join([f"{value:.3f}" for value in bias.tolist()])
                message = f"mean of {count} readings is zero now: {numbers} (N, Nm)"
        except ConnectionFailedError as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, message
        return response

    def _watch(self) -> None:
        """Says on ``netft_ready`` whether readings are fresh and can be trusted."""
        age = time.monotonic() - self._path.taken_s
        ready = self._trusted and age <= self._stale_after_s
        if ready == self._ready:
            return
        if self._ready is not None:
            self.get_logger().info(f"sensor is {'ready' if ready else 'not ready'}")
        self._ready = ready
        self._readiness.publish(Bool(data=ready))

    def _report(self) -> list[Status]:
        age = time.monotonic() - self._path.taken_s
        values: dict[str, object] = {
            "ready": bool(self._ready),
            "age_s": f"{age:.3f}",
            "published": self._published,
            "not_finite": self._path.not_finite,
        }
        if self._client is None:
            level = Level.OK if self._ready else Level.ERROR
            message = "reading" if self._ready else f"no wrench for {age:.1f} s"
            return [Status("sensor", level, message, values)]
        figures = self._client.statistics
        values |= {**figures._asdict(), "state": figures.state.value, "status": self._status_text}
        if figures.state is not ClientState.STREAMING:
            return [Status("sensor", Level.ERROR, figures.reason or figures.state.value, values)]
        level = Level.OK if self._status_text == "OK" else Level.WARN
        return [
            Status("sensor", level if self._trusted else Level.ERROR, self._status_text, values)
        ]


def declare_path(node: ShellNode) -> WrenchPath:
    """The parameters of what is done to a reading.

    Raises:
        ConfigurationError: an axis sign is neither 1 nor -1.
    """
    signs = declare(
        node, "axis_signs", [1.0] * 6, "1 or -1 for each of fx fy fz tx ty tz, as the sensor sits"
    )
    if any(abs(sign) != 1.0 for sign in signs):
        raise ConfigurationError(f"parameter axis_signs: expected 1 or -1 six times, got {signs}")
    return WrenchPath(
        np.array(signs),
        declare(node, "publish_rate_hz", 250.0, "Rate of netft_data at most",
                minimum=1.0, maximum=7000.0),
        declare(node, "bias_samples", 50, "Readings that ft_bridge/bias takes the mean of",
                minimum=1, maximum=100_000),
    )  # fmt: skip


def declare_client(node: ShellNode, stale_after_s: float) -> NetFtConfig:
    """The parameters of the Net F/T client.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    return NetFtConfig(
        sensor_ip=declare(node, "sensor_ip", "192.168.1.1", "The box's address"),
        rdt_port=declare(node, "rdt_port", 49152, "The box's RDT port (UDP)",
                         minimum=1, maximum=65535),
        http_port=declare(node, "http_port", 80, "The box's HTTP port, for netftapi2.xml",
                          minimum=1, maximum=65535),
        rate_hz=declare(node, "rdt_rate_hz", 0, "RDT rate to ask for; 0 leaves the box's own",
                        minimum=0, maximum=7000),
        buffered=declare(node, "buffered", False, "Several records a packet"),
        stale_after_s=stale_after_s,
    )  # fmt: skip


def main(args: Sequence[str] | None = None) -> int:
    """Runs the node; returns the exit code."""
    return run_node(FtBridge, args)


if __name__ == "__main__":
    sys.exit(main())
