"""Health of the force sensor, for the diagnostics of ``ft_bridge``."""

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
        figures: of the box; None where wrenches come from a topic.
        ready: readings are fresh and can be trusted.
        trusted: the newest status word is no error.
        status: the newest status word, or what is wrong with the newest message.
        blocked: why readings that come cannot be used.
        age_s: since the newest usable reading, when ``ready`` was judged.
        bias_lost_in_box: the box was off since it took its bias.
        counters: more figures to show.
        latency: from a reading's arrival to its publication.
        box_filter: how the box's low-pass filter differs from what is expected; empty: not at all.
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
    """Return the status of the sensor: its worst problem, and every figure."""
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
    """Return the status of the sensor's orientation, if it is needed.

    Args:
        reason: why the orientation is not known; empty if it is.
        loaded: the weight must be compensated, so nothing is published without the orientation.
        needed: a topic in world axes has a subscriber, or the sensor is loaded.
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
