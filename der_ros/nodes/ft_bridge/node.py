"""Publishes force and torque from a Net F/T box or from another driver's topic.

It replaces the driver and the utility node of netft_utils: topics ``netft_data`` (WrenchStamped,
reliable) and ``netft_ready`` (Bool, latched), service ``ft_bridge/bias``, and the topics and
services of ``netft_utils.NetftUtils``. A record with an error in its status is not published, so
subscribers see the topic become stale.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence

from geometry_msgs.msg import WrenchStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from der_ros.control.sensor.sensor_health import SensorView, orientation_status, sensor_status
from der_ros.control.stamps import stamp_ns
from der_ros.control.status import Status
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.drivers.latency_window import LatencyWindow
from der_ros.drivers.netft.box_bias import bias_box
from der_ros.drivers.netft.box_filter import FilterWatch
from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.conditioning import FilterChoice, WrenchConditioner
from der_ros.drivers.netft.netft_records import WrenchSample
from der_ros.drivers.netft.rate_check import RateCheck
from der_ros.drivers.netft.rdt import Severity
from der_ros.drivers.netft.stream import FrozenWatch
from der_ros.drivers.realtime import relax_collector
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Array, Wrench
from der_ros.nodes.ft_bridge.bias_guard import BiasGuard
from der_ros.nodes.ft_bridge.netft_utils import NetftUtils
from der_ros.nodes.ft_bridge.parameters import (
    declare_client,
    declare_conditioning,
)
from der_ros.nodes.ft_bridge.sensor_orientation import SensorOrientation, owner_of_poses
from der_ros.nodes.ft_bridge.wire_topic import SensorWireTopic
from der_ros.nodes.ft_bridge.wrench_topic import WrenchTopic
from der_ros.nodes.shared.conversions import declare_tcp_from_sensor
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.rightful import ANY_ONE
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.nodes.shared.tuning import Range, Tuning
from der_ros.nodes.shared.wrench_bytes import WrenchWriter
from der_ros.parameters.ft_bridge import MAX_CUTOFF_HZ, FtBridgeParameters

_RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


class FtBridge(ShellNode):
    """Node that publishes wrenches from a Net F/T box or a topic."""

    def __init__(self) -> None:
        super().__init__("ft_bridge")
        self._given = given = declare_settings(self, FtBridgeParameters)
        self._frozen = FrozenWatch(given.frozen_after_s)
        conditioning = declare_conditioning(self, given.stale_after_s)
        self._path = WrenchConditioner(conditioning)
        self._tuning = Tuning(
            self,
            {"filter_cutoff_hz": Range(0.0, MAX_CUTOFF_HZ)},
            lambda values: self._path.check_filter(
                FilterChoice(conditioning.low_pass.order, values["filter_cutoff_hz"])
            ),
            self._path.set_filter,
        )
        self._config = declare_client(self, given)
        self._refuse_contradictions()
        tcp_from_sensor = declare_tcp_from_sensor(self)
        self._sources = self._make_sources()
        pose = self._sources.topic(given.orientation_topic)
        self._orientation = SensorOrientation(self, tcp_from_sensor, pose)
        watched = self._sources.topic(WATCHED_TOPIC)
        self._guard = BiasGuard(self, self._path, given.stale_after_s, watched)
        self._utils = NetftUtils(
            self, self._path, tcp_from_sensor, given.stale_after_s, self._guard, self._bias
        )
        self._trusted, self._ready = True, False
        self._status_text = "OK"
        self._rate = RateCheck()
        self._box_filter = FilterWatch(self._config.user_filter, given.min_box_filter_hz)
        self._published = 0
        self._age_s = math.inf
        self._box_bias_before_restart: int | None = None
        self._latency = LatencyWindow()
        of_box = given.publish_wire and given.source == "netft"
        self._wire = SensorWireTopic(self, self._path) if of_box else None
        self._needs_orientation = False
        self._shown: object = None
        self._client: NetFtClient | None = None
        self._other: WrenchTopic | None = None
        self._open()

    def _make_sources(self) -> Sources:
        """Return the watch over the publishers of poses, wrenches and attempt signals."""
        poses, wrenches = self._given.orientation_topic, self._given.input_topic
        topics = {poses: owner_of_poses(poses), WATCHED_TOPIC: "assembly_supervisor"}
        if self._given.source == "topic":
            topics[wrenches] = ANY_ONE
        own = self.get_fully_qualified_name()
        return Sources(self, topics, {"ft_bridge/bias": own})

    def _open(self) -> None:
        """Create topics, services and timers, then open the source of readings."""
        self._wrenches = self.create_publisher(WrenchStamped, "netft_data", _RELIABLE)
        self._writer = WrenchWriter(self._given.frame_id)
        self._readiness = self.create_publisher(Bool, "netft_ready", LATCHED)
        self.create_service(Trigger, "ft_bridge/bias", self._on_bias)
        self._utils.create_services(self._on_bias)
        self._readiness.publish(Bool(data=False))
        of_box = self._given.source == "netft"
        hardware = f"netft {self._config.sensor_ip}" if of_box else self._given.input_topic
        self._diagnostics = DiagnosticsPublisher(self, hardware, self._report)
        self._watch()
        steady_timer(self, 0.05, self._watch)
        if of_box:
            client = NetFtClient(self._config, self._on_sample)
            self._client = self.resources.enter_context(client)
        else:
            given = self._given
            self._path.set_sample_rate(float(given.sample_rate_hz))
            frames = [given.input_frame_id] if given.input_frame_id else ["", given.frame_id]
            rightful = self._sources.topic(given.input_topic)
            topic = WrenchTopic(self, rightful, given.stale_after_s, self._publish, frames)
            self._other = self.resources.enter_context(topic)
        relax_collector()

    def _refuse_contradictions(self) -> None:
        """Refuse contradicting parameters.

        Raises:
            ConfigurationError: A setting of the box is requested although the box is not asked over
                HTTP, or ``bias_in_box`` is set with payload compensation or ``source=topic``.
        """
        if self._config.configuration is not None and (
            self._config.rate_hz or self._config.user_filter >= 0
        ):
            raise ConfigurationError(
                "parameters rdt_rate_hz, box_filter: expected 0 and -1 with counts_per_force, with "
                "which no request goes to the box; set rate and filter on the box's page, and the "
                "rate as sample_rate_hz"
            )
        if self._given.bias_in_box and (
            self._path.payload.mass_kg > 0.0 or self._given.source == "topic"
        ):
            raise ConfigurationError(
                "parameter bias_in_box: expected false with payload_mass_kg or source=topic, got "
                "true; leave it false, so that this node takes the bias"
            )

    def _on_sample(self, sample: WrenchSample) -> None:
        """Handle the newest record, or every record if a filter runs; in the client's thread."""
        status = sample.status
        self._trusted = status.severity is not Severity.ERROR
        self._status_text = str(status)
        if self._frozen.frozen(sample.wrench, sample.stamp_monotonic_s):
            self._trusted = False
            self._status_text = (
                f"the same reading to the last count for {self._given.frozen_after_s:g} s: is the "
                "sensor frozen, or one without noise (then set frozen_after_s to 0)?"
            )
        if self._client is not None:
            self._path.set_sample_rate(float(self._client.configuration.rdt_rate_hz))
            if distrust := self._client.distrust:
                self._trusted, self._status_text = False, distrust
        if self._trusted:
            if self._wire is not None:
                self._wire.add(sample)
            self._publish(sample.wrench, sample.stamp_monotonic_s)

    def _publish(self, wrench: Wrench, arrived_s: float) -> None:
        if self._setting_fault:
            return
        taken = self._path.take(wrench, arrived_s, self._oriented)
        if taken is None:
            return
        stamp = self.get_clock().now().to_msg()
        self._wrenches.publish(self._writer.to_bytes(taken.measured, stamp))
        if self._wire is not None and self._client is not None:
            self._wire.publish(stamp_ns(stamp), taken, self._client.configuration)
        self._published += 1
        self._latency.add(time.monotonic() - arrived_s)
        self._utils.publish(taken, self._orientation.world_frame, stamp)

    def _oriented(self) -> Array | None:
        return self._orientation.now() if self._needs_orientation else None

    def _on_bias(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._bias()
            response.success = True
        except DerRosError as error:
            response.success, response.message = False, str(error)
            self.get_logger().warning(str(error))
        return response

    @property
    def _lost_bias(self) -> bool:
        """True if the box has restarted since its bias."""
        before, client = self._box_bias_before_restart, self._client
        return client is not None and before is not None and client.box_restarts > before

    def _bias(self) -> str:
        """Take a bias, in the box with ``bias_in_box``; return what became zero.

        Raises:
            DerRosError: The bias is refused, there is no fresh reading, or the box took none.
        """
        if self._lost_bias:
            self._path.forget_reference()
        self._guard.check()
        if self._given.bias_in_box and self._client is not None:
            bias_box(self._client, self._path, self._given.stale_after_s)
            self._box_bias_before_restart = self._client.box_restarts
            self._utils.biased_elsewhere = True
            return "the box takes its reading as zero"
        bias, count = self._path.bias(time.monotonic(), self._given.stale_after_s)
        numbers = ", ".join([f"{value:.3f}" for value in bias.tolist()])
        return f"mean of {count} readings is zero now: {numbers} (N, Nm)"

    def _watch(self) -> None:
        """Check readiness, subscribers and health periodically; publish changes."""
        loaded = self._path.payload.mass_kg > 0.0
        self._needs_orientation = loaded or self._utils.wants_world
        self._utils.repeat_cancel()
        if self._client is not None:
            self._client.want_every_record(self._path.filters)
            self._box_filter.look(self._client.configuration, self._client.user_filter)
        self._check_rate()
        # Stored, so that the diagnostics show the age on which readiness is based.
        self._age_s = time.monotonic() - self._path.taken_s
        ready = self._trusted and self._age_s <= self._given.stale_after_s and not self._failure
        if ready != self._ready:
            self.get_logger().info(f"sensor is {'ready' if ready else 'not ready'}")
            self._ready = ready
            self._readiness.publish(Bool(data=ready))
        state = None if self._client is None else self._client.statistics.state
        shown = (
            ready,
            state,
            self._trusted,
            self._path.blocked,
            self._utils.exceeded,
            self._failure,
            self._rate.problem,
            self._box_filter.number,
        )
        if shown != self._shown:
            self._shown = shown
            self._diagnostics.publish()

    def _check_rate(self) -> None:
        """Compare the measured rate of readings with the rate that the filter assumes."""
        if self._other is not None:
            count, assumed_hz = self._other.taken, self._given.sample_rate_hz
        elif self._client is not None:
            figures = self._client.statistics
            count = figures.records + figures.lost
            assumed_hz = self._client.configuration.rdt_rate_hz
        else:
            return
        self._rate.look(count, float(assumed_hz), time.monotonic())

    @property
    def _setting_fault(self) -> str:
        """Problem with the sensor's rate or filter, for which no reading is used; empty if none."""
        return self._rate_fault or self._box_filter.fault

    @property
    def _rate_fault(self) -> str:
        """Rate problem that shifts the filter's cut-off; empty if none, or without a filter."""
        return self._rate.problem if self._path.filters else ""

    @property
    def _word(self) -> str:
        """Status of the newest reading, or the problem with it; ``OK`` if there is none."""
        own = self._status_text if self._other is None else self._other.problem or "OK"
        return self._rate.problem or own if own == "OK" else own

    @property
    def _failure(self) -> str:
        """Reason why the sensor is no longer read; empty while it is."""
        if self._other is None:
            return "" if self._client is None else self._client.failure
        return self._other.failure or self._sources.topic(self._given.input_topic).wrong

    def _report(self) -> list[Status]:
        client = self._client
        view = SensorView(
            figures=None if client is None else client.statistics,
            ready=self._ready,
            trusted=self._trusted,
            status=self._word,
            blocked=self._failure or self._setting_fault or self._path.blocked,
            age_s=self._age_s,
            bias_lost_in_box=self._lost_bias,
            counters={
                "published": self._published,
                "box_filter": self._box_filter.number,
                "box_filter_cutoff": self._box_filter.words,
                "measured_rate_hz": f"{self._rate.measured_hz:.0f}",
                "not_finite": self._path.not_finite,
                "old_stamps": 0 if self._other is None else self._other.old_stamps,
                "wrong_frames": 0 if self._other is None else self._other.wrong_frames,
                "refused_stamps": (
                    (0 if self._other is None else self._other.refused_stamps)
                    + self._orientation.refused_stamps
                ),
                "biased": self._utils.biased,
                # The limits are not evaluated while the sensor is not ready.
                "limits_exceeded": self._utils.exceeded and self._ready,
                "times_limits_exceeded": self._utils.times_exceeded,
            },
            latency=self._latency.figures(),
            box_filter=self._box_filter.warning,
        )
        loaded = self._path.payload.mass_kg > 0.0
        reason = self._orientation.reason
        return [
            sensor_status(view),
            orientation_status(reason, loaded, needed=self._needs_orientation),
            self._sources.status(),
        ]


def main(args: Sequence[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(FtBridge, args)


if __name__ == "__main__":
    sys.exit(main())
