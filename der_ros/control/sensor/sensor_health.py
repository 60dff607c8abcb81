"""Health of the force/torque sensor, for the diagnostics of ``ft_bridge``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from der_ros.control.status import Level, Status
from der_ros.drivers.latency_window import LatencyFigures
from der_ros.drivers.netft.netft_records import ClientState, NetFtStatistics

_NOTEWORTHY_LOSS = 0.01


class SensorView(NamedTuple):
    """State of the sensor at one moment.

    Attributes:
        figures: Statistics of the box; None if wrenches come from a topic.
        ready: True if readings are fresh and can be trusted.
        trusted: True if the newest status word is not an error.
        status: Newest status word, or the problem with the newest message.
        blocked: Reason why received readings cannot be used; empty if they can.
        age_s: Age of the newest usable reading when ``ready`` was judged, s.
        bias_lost_in_box: True if the box has restarted since it took its bias.
        counters: Further values to show.
        latency: Time from a reading's arrival to its publication.
        box_filter: Difference of the box's low-pass filter from the expected one; empty if none.
    """

    figures: NetFtStatistics | None
    ready: bool
    trusted: bool
    status: str
    blocked: str
    age_s: float
    bias_lost_in_box: bool
    counters: Mapping[str, object]
    latency: LatencyFigures
    box_filter: str = ""


def sensor_status(view: SensorView) -> Status:
    """Return the diagnostic status of the sensor: its worst problem and all values."""
    level, message = _news(view)
    values: dict[str, object] = {
        "ready": view.ready,
        "age_s": f"{view.age_s:.3f}",
        "status": view.status,
        **view.counters,
        "publish_latency_p50_ms": f"{1e3 * view.latency.p50_s:.3f}",
        "publish_latency_p99_ms": f"{1e3 * view.latency.p99_s:.3f}",
    }
    if view.figures is not None:
        values |= {**view.figures._asdict(), "state": view.figures.state.value}
    return Status("sensor", level, message, values)


def orientation_status(reason: str, loaded: bool, *, needed: bool) -> Status:
    """Return the diagnostic status of the sensor's orientation.

    Args:
        reason: Reason why the orientation is unknown; empty if it is known.
        loaded: True if a payload's weight is compensated, so that nothing is published without the
            orientation.
        needed: True if a topic in world axes has a subscriber, or the sensor is loaded.
    """
    level = Level.OK
    if reason and needed:
        level = Level.ERROR if loaded else Level.WARN
    effect = "" if level is Level.OK else "; no wrench in world axes is published"
    message = f"{reason or 'known'}{effect}" if needed else "not needed"
    return Status("orientation", level, message, {"needed": needed, "reason": reason})


def _news(view: SensorView) -> tuple[Level, str]:
    figures = view.figures
    if figures is not None and figures.state is not ClientState.STREAMING:
        return Level.ERROR, figures.reason or figures.state.value
    if not view.trusted or view.blocked:
        return Level.ERROR, view.blocked or view.status
    if not view.ready:
        why = "" if view.status == "OK" else f": {view.status}"
        return Level.ERROR, f"no wrench for {view.age_s:.2f} s{why}"
    if view.bias_lost_in_box:
        return Level.WARN, "the box was off and has lost its bias; call ft_bridge/bias"
    if view.status != "OK":
        return Level.WARN, view.status
    if view.box_filter:
        return Level.WARN, view.box_filter
    if figures is not None and figures.loss > _NOTEWORTHY_LOSS:
        return Level.WARN, f"{100.0 * figures.loss:.0f} % of the records were lost"
    return Level.OK, "reading"
