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

from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from der_ros.control.sensor.sensor_health import orientation_status, sensor_status
from der_ros.control.status import Status
from der_ros.control.watch_lease import WATCHED_TOPIC
from der_ros.drivers.netft.conditioning import FilterChoice, WrenchConditioner
from der_ros.drivers.realtime import relax_collector
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.nodes.ft_bridge.bias_guard import BiasGuard
from der_ros.nodes.ft_bridge.netft_utils import NetftUtils
from der_ros.nodes.ft_bridge.parameters import (
    declare_client,
    declare_conditioning,
)
from der_ros.nodes.ft_bridge.readings import BoxReadings, BridgeParts, Readings, TopicReadings
from der_ros.nodes.ft_bridge.sensor_orientation import SensorOrientation, owner_of_poses
from der_ros.nodes.shared.conversions import declare_tcp_from_sensor
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.rightful import ANY_ONE
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.nodes.shared.tuning import Range, Tuning
from der_ros.parameters.ft_bridge import MAX_CUTOFF_HZ, FtBridgeParameters


class FtBridge(ShellNode):
    """Node that publishes wrenches from a Net F/T box or a topic."""

    def __init__(self) -> None:
        super().__init__("ft_bridge")
        self._given = given = declare_settings(self, FtBridgeParameters)
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
        self._readings = self._make_readings()
        self._ready, self._age_s = False, math.inf
        self._shown: object = None
        self._open()

    def _make_sources(self) -> Sources:
        """Return the watch over the publishers of poses, wrenches and attempt signals."""
        poses, wrenches = self._given.orientation_topic, self._given.input_topic
        topics = {poses: owner_of_poses(poses), WATCHED_TOPIC: "assembly_supervisor"}
        if self._given.source == "topic":
            topics[wrenches] = ANY_ONE
        own = self.get_fully_qualified_name()
        return Sources(self, topics, {"ft_bridge/bias": own})

    def _make_readings(self) -> Readings:
        """Return the readings of the chosen source."""
        parts = BridgeParts(self, self._given, self._path, self._orientation, self._utils)
        if self._given.source == "netft":
            return BoxReadings(parts, self._config)
        return TopicReadings(parts, self._sources.topic(self._given.input_topic))

    def _open(self) -> None:
        """Create topics, services and timers, then start the readings."""
        self._readiness = self.create_publisher(Bool, "netft_ready", LATCHED)
        self.create_service(Trigger, "ft_bridge/bias", self._on_bias)
        self._utils.create_services(self._on_bias)
        self._readiness.publish(Bool(data=False))
        of_box = self._given.source == "netft"
        hardware = f"netft {self._config.sensor_ip}" if of_box else self._given.input_topic
        self._diagnostics = DiagnosticsPublisher(self, hardware, self._report)
        self._watch()
        steady_timer(self, 0.05, self._watch)
        self.resources.enter_context(self._readings)
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

    def _on_bias(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._bias()
            response.success = True
        except DerRosError as error:
            response.success, response.message = False, str(error)
            self.get_logger().warning(str(error))
        return response

    def _bias(self) -> str:
        """Take a bias, in the box with ``bias_in_box``; return what became zero.

        Raises:
            DerRosError: The bias is refused, there is no fresh reading, or the box took none.
        """
        if self._readings.bias_lost:
            self._path.forget_reference()
        self._guard.check()
        zero = self._readings.bias()
        self._utils.biased_elsewhere = self._given.bias_in_box
        return zero

    def _watch(self) -> None:
        """Check readiness, subscribers and health periodically; publish changes."""
        self._utils.repeat_cancel()
        readings = self._readings
        readings.update()
        # Stored, so that the diagnostics show the age on which readiness is based.
        self._age_s = time.monotonic() - self._path.taken_s
        fresh = self._age_s <= self._given.stale_after_s
        ready = readings.trusted and fresh and not readings.failure
        if ready != self._ready:
            self.get_logger().info(f"sensor is {'ready' if ready else 'not ready'}")
            self._ready = ready
            self._readiness.publish(Bool(data=ready))
        shown = ready, self._utils.exceeded, readings.condition()
        if shown != self._shown:
            self._shown = shown
            self._diagnostics.publish()

    def _report(self) -> list[Status]:
        readings, utils = self._readings, self._utils
        counters = {
            "biased": utils.biased,
            # The limits are not evaluated while the sensor is not ready.
            "limits_exceeded": utils.exceeded and self._ready,
            "times_limits_exceeded": utils.times_exceeded,
        }
        view = readings.view(self._age_s, ready=self._ready)
        loaded = self._path.payload.mass_kg > 0.0
        return [
            sensor_status(view._replace(counters={**view.counters, **counters})),
            orientation_status(self._orientation.reason, loaded, needed=readings.needs_orientation),
            self._sources.status(),
        ]


def main(args: Sequence[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(FtBridge, args)


if __name__ == "__main__":
    sys.exit(main())
