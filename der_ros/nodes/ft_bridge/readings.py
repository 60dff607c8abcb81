"""Readings of the sensor, from a Net F/T box or from another driver's topic."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import NamedTuple

from geometry_msgs.msg import WrenchStamped

from der_ros.control.sensor.sensor_health import SensorView
from der_ros.control.stamps import stamp_ns
from der_ros.drivers.latency_window import LatencyWindow
from der_ros.drivers.netft.box_bias import bias_box
from der_ros.drivers.netft.box_filter import FilterWatch, filter_in_words
from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.conditioning import ConditionedWrench, WrenchConditioner
from der_ros.drivers.netft.netft_records import NetFtConfig, WrenchSample
from der_ros.drivers.netft.rate_check import RateCheck
from der_ros.drivers.netft.rdt import Severity
from der_ros.drivers.netft.stream import FrozenWatch
from der_ros.geometry import Array, Wrench
from der_ros.nodes.ft_bridge.netft_utils import NetftUtils
from der_ros.nodes.ft_bridge.sensor_orientation import SensorOrientation
from der_ros.nodes.ft_bridge.wire_topic import SensorWireTopic
from der_ros.nodes.ft_bridge.wrench_topic import WrenchTopic
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.qos import RELIABLE_READINGS
from der_ros.nodes.shared.rightful import RightfulTopic
from der_ros.nodes.shared.wrench_bytes import WrenchWriter
from der_ros.parameters.ft_bridge import FtBridgeParameters
from der_ros.threads import Startable


class BridgeParts(NamedTuple):
    """Parts of ``ft_bridge`` that the readings of each source use.

    Attributes:
        node: Publishing node.
        given: Parameters of the node.
        path: Conditioner of the readings.
        orientation: Orientation of the sensor.
        utils: Topics of netft_utils, also published from each reading.
    """

    node: ShellNode
    given: FtBridgeParameters
    path: WrenchConditioner
    orientation: SensorOrientation
    utils: NetftUtils


class Readings(Startable):
    """Readings of one source, conditioned and published in the source's thread.

    Args:
        parts: Parts of the node.

    Attributes:
        trusted: True if the newest reading can be trusted.
        needs_orientation: True if a payload is compensated, or a topic in world axes has a
            subscriber.
    """

    def __init__(self, parts: BridgeParts) -> None:
        self._node, self._given, self._path, self._orientation, self._utils = parts
        self._wrenches = self._node.create_publisher(WrenchStamped, "netft_data", RELIABLE_READINGS)
        self._writer = WrenchWriter(self._given.frame_id)
        self._rate, self._latency = RateCheck(), LatencyWindow()
        self._frozen = FrozenWatch(self._given.frozen_after_s)
        self._published = 0
        self.trusted = True
        self.needs_orientation = False

    @property
    @abstractmethod
    def failure(self) -> str:
        """Reason why the sensor is no longer read; empty while it is."""

    @property
    @abstractmethod
    def _newest_status(self) -> str:
        """Status of the newest reading, or the problem with it; ``OK`` if there is none."""

    @abstractmethod
    def _counted(self) -> tuple[int, int]:
        """Return the number of readings so far, and their assumed rate, Hz."""

    @property
    def bias_lost(self) -> bool:
        """True if the sensor has lost the bias that it took itself."""
        return False

    @property
    def _setting_fault(self) -> str:
        """Problem with the sensor's settings, for which no reading is used; empty if none."""
        # Without a filter, no cut-off shifts with the rate.
        return self._rate.problem if self._path.filters else ""

    @property
    def blocked(self) -> str:
        """Reason why received readings cannot be used; empty if they can."""
        return self.failure or self._setting_fault or self._path.blocked

    def update(self) -> None:
        """Check the rate of the readings and the subscribers' needs; call it periodically."""
        loaded = self._path.payload.mass_kg > 0.0
        self.needs_orientation = loaded or self._utils.wants_world
        count, assumed_hz = self._counted()
        self._rate.update(count, float(assumed_hz), time.monotonic())

    def bias(self) -> str:
        """Take the mean of the latest readings as zero; return it in words.

        Raises:
            DerRosError: There is no fresh reading.
        """
        bias, count = self._path.bias(time.monotonic(), self._given.stale_after_s)
        numbers = ", ".join([f"{value:.3f}" for value in bias.tolist()])
        return f"mean of {count} readings is zero now: {numbers} (N, Nm)"

    def condition(self) -> tuple[object, ...]:
        """Return values whose change is published at once as a diagnostic."""
        return self.trusted, self.blocked, self._rate.problem

    def view(self, age_s: float, *, ready: bool) -> SensorView:
        """Return the state of the sensor for the diagnostics.

        Args:
            age_s: Age of the newest usable reading, s.
            ready: True if the sensor is ready.
        """
        status = self._newest_status
        return SensorView(
            figures=None,
            ready=ready,
            trusted=self.trusted,
            status=self._rate.problem or status if status == "OK" else status,
            blocked=self.blocked,
            age_s=age_s,
            bias_lost_in_box=self.bias_lost,
            counters=self._counters(),
            latency=self._latency.figures(),
        )

    def _counters(self) -> dict[str, object]:
        return {
            "published": self._published,
            "box_filter": -1,
            "box_filter_cutoff": filter_in_words(None),
            "measured_rate_hz": f"{self._rate.measured_hz:.0f}",
            "not_finite": self._path.not_finite,
            "old_stamps": 0,
            "wrong_frames": 0,
            "refused_stamps": self._orientation.refused_stamps,
        }

    def _publish(self, wrench: Wrench, arrived_s: float) -> tuple[int, ConditionedWrench] | None:
        """Publish a reading if one is due; return its stamp, ns, and the conditioned wrench."""
        if self._setting_fault:
            return None
        taken = self._path.take(wrench, arrived_s, self._oriented)
        if taken is None:
            return None
        stamp = self._node.get_clock().now().to_msg()
        self._wrenches.publish(self._writer.to_bytes(taken.measured, stamp))
        self._published += 1
        self._latency.add(time.monotonic() - arrived_s)
        self._utils.publish(taken, self._orientation.world_frame, stamp)
        return stamp_ns(stamp), taken

    def _frozen_problem(self, wrench: Wrench, arrived_s: float) -> str:
        """Add a reading; return the problem of readings that stay the same, or empty."""
        if not self._frozen.frozen(wrench, arrived_s):
            return ""
        return (
            f"the same reading to the last count for {self._given.frozen_after_s:g} s: is the "
            "sensor frozen, or one without noise (then set frozen_after_s to 0)?"
        )

    def _oriented(self) -> Array | None:
        return self._orientation.now() if self.needs_orientation else None


class BoxReadings(Readings):
    """Readings of a Net F/T box.

    Args:
        parts: Parts of the node.
        config: Configuration of the box's client.
    """

    def __init__(self, parts: BridgeParts, config: NetFtConfig) -> None:
        super().__init__(parts)
        self._client = NetFtClient(config, self._on_sample)
        self._filter = FilterWatch(config.user_filter, parts.given.min_box_filter_hz)
        wanted = parts.given.publish_wire
        self._wire = SensorWireTopic(parts.node, parts.path) if wanted else None
        self._status = "OK"
        self._restarts_before_bias: int | None = None

    def start(self) -> None:
        """Start the client's thread."""
        self._client.start()

    def stop(self) -> None:
        """Stop the client's thread."""
        self._client.stop()

    @property
    def failure(self) -> str:
        """Reason why the client's thread has ended; empty while it runs."""
        return self._client.failure

    @property
    def _newest_status(self) -> str:
        return self._status

    @property
    def _setting_fault(self) -> str:
        return super()._setting_fault or self._filter.fault

    @property
    def bias_lost(self) -> bool:
        """True if the box has restarted since its bias."""
        before = self._restarts_before_bias
        return before is not None and self._client.box_restarts > before

    def bias(self) -> str:
        """Take a bias, in the box with ``bias_in_box``; return what became zero.

        Raises:
            DerRosError: There is no fresh reading, or the box took no bias.
        """
        if not self._given.bias_in_box:
            return super().bias()
        bias_box(self._client, self._path, self._given.stale_after_s)
        self._restarts_before_bias = self._client.box_restarts
        return "the box takes its reading as zero"

    def update(self) -> None:
        """Check also the box's filter, and request every record if a filter needs it."""
        self._client.want_every_record(self._path.filters)
        self._filter.update(self._client.configuration, self._client.user_filter)
        super().update()

    def condition(self) -> tuple[object, ...]:
        """Return also the client's state and the number of the box's filter."""
        return *super().condition(), self._client.statistics.state, self._filter.number

    def view(self, age_s: float, *, ready: bool) -> SensorView:
        """Return the state of the sensor with the client's statistics."""
        return (
            super()
            .view(age_s, ready=ready)
            ._replace(figures=self._client.statistics, box_filter=self._filter.warning)
        )

    def _counted(self) -> tuple[int, int]:
        figures = self._client.statistics
        return figures.records + figures.lost, self._client.configuration.rdt_rate_hz

    def _counters(self) -> dict[str, object]:
        found = {"box_filter": self._filter.number, "box_filter_cutoff": self._filter.words}
        return super()._counters() | found

    def _on_sample(self, sample: WrenchSample) -> None:
        """Handle the newest record, or every record if a filter runs; in the client's thread."""
        problem = self._problem(sample)
        self.trusted, self._status = not problem, problem or str(sample.status)
        box = self._client.configuration
        self._path.set_sample_rate(float(box.rdt_rate_hz))
        if problem:
            return
        if self._wire is not None:
            self._wire.add(sample)
        published = self._publish(sample.wrench, sample.stamp_monotonic_s)
        if self._wire is not None and published is not None:
            self._wire.publish(*published, box)

    def _problem(self, sample: WrenchSample) -> str:
        """Return the reason why a reading cannot be trusted; empty if it can."""
        frozen = self._frozen_problem(sample.wrench, sample.stamp_monotonic_s)
        wrong = str(sample.status) if sample.status.severity is Severity.ERROR else ""
        return self._client.distrust or frozen or wrong


class TopicReadings(Readings):
    """Readings from another driver's topic.

    Args:
        parts: Parts of the node.
        rightful: Watch over the topic.
    """

    def __init__(self, parts: BridgeParts, rightful: RightfulTopic) -> None:
        super().__init__(parts)
        given = parts.given
        parts.path.set_sample_rate(float(given.sample_rate_hz))
        frames = [given.input_frame_id] if given.input_frame_id else ["", given.frame_id]
        self._rightful = rightful
        self._topic = WrenchTopic(parts.node, rightful, given.stale_after_s, self._take, frames)
        self._problem = ""

    def start(self) -> None:
        """Start the thread that reads the topic."""
        self._topic.start()

    def stop(self) -> None:
        """Stop the thread that reads the topic."""
        self._topic.stop()

    @property
    def failure(self) -> str:
        """Reason why the topic is not read: its thread has ended, or its publisher is wrong."""
        return self._topic.failure or self._rightful.wrong

    @property
    def _newest_status(self) -> str:
        return self._topic.problem or self._problem or "OK"

    def _take(self, wrench: Wrench, arrived_s: float) -> None:
        """Handle a wrench; in the thread of the topic."""
        self._problem = self._frozen_problem(wrench, arrived_s)
        self.trusted = not self._problem
        if self.trusted:
            self._publish(wrench, arrived_s)

    def _counted(self) -> tuple[int, int]:
        return self._topic.taken, self._given.sample_rate_hz

    def _counters(self) -> dict[str, object]:
        topic = self._topic
        return super()._counters() | {
            "old_stamps": topic.old_stamps,
            "wrong_frames": topic.wrong_frames,
            "refused_stamps": topic.refused_stamps + self._orientation.refused_stamps,
        }
