"""Result of a replay as plain values for JSON, and as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from der_ros.offline_replay.attempt_replay import AttemptReplay
from der_ros.offline_replay.differences import Differences
from der_ros.offline_replay.motion_replay import HELD_FROM_OUTSIDE
from der_ros.offline_replay.replay_side import Side
from der_ros.policy.attempt import Outcome

if TYPE_CHECKING:
    from der_ros.offline_replay.wire.wire_source import WireSource

DOUBTFUL_SHARE = 0.05
"""Share of twists that may differ if the bag does not record the bridge's cycle inputs."""
_FROM_OUTSIDE = (Outcome.FAULT.value, Outcome.ABORTED.value)
OPEN_LOOP = (
    "open loop: the recorded poses and forces go on though other commands would have moved the "
    "robot elsewhere"
)


def report_of(replay: AttemptReplay) -> dict[str, Any]:
    """Return the result of a replay for JSON."""
    result = replay.setup.result
    report: dict[str, Any] = {
        "duration_s": 1e-9 * (replay.end_ns - replay.start_ns),
        "cycles": replay.cycles,
        "ticks": replay.ticks,
        "inputs_known": replay.matched,
        "paused": [
            {"text": each.in_words(replay.start_ns), "duration_s": each.duration_s}
            for each in replay.pauses
        ],
        "ticks_not_compared": replay.unknown_ticks,
        "unplaced_commands": replay.stream.unplaced_commands,
        "observations": replay.observations.report(),
        "actions": replay.actions.report(),
        "applied": replay.applied.report(),
        "wire": _wire_report(replay.stream.wire),
        "peak_force_n": replay.stream.peak_force_n,
        "recorded_outcome": None
        if result is None
        else {
            "outcome": result.outcome,
            "reason": result.reason,
            "at_s": 1e-9 * (result.ended_ns - replay.start_ns),
        },
        "rebuilt": side_report(replay.recorded_side),
        "differs": differences_of(replay),
    }
    changed = replay.changed
    if changed is not None:
        lost = changed.course.lost_sensor
        report["what_if"] = {
            "changes": _changes(replay),
            "open_loop": OPEN_LOOP,
            **side_report(changed.side),
            "first_interventions": changed.course.stepped_in,
            "lost_sensor": None if lost is None else lost._asdict(),
            "actions": changed.actions.report(),
            "applied": changed.applied.report(),
        }
    return report


def _changes(replay: AttemptReplay) -> list[str]:
    """Return the changes of a what-if, one text each."""
    if replay.other is None:
        return replay.what_if.in_words()
    path = getattr(replay.other[0], "path", "another one")
    return [f"policy {path}", *replay.what_if.in_words()]


def _wire_report(wire: WireSource | None) -> dict[str, Any] | None:
    if wire is None:
        return None
    return {name: each.report() for name, each in _wire_differences(wire)}


def _wire_differences(wire: WireSource) -> tuple[tuple[str, Differences], ...]:
    return ("wrenches", wire.wrenches), ("poses", wire.poses), ("answers", wire.answers)


def side_report(side: Side) -> dict[str, Any]:
    """Return the verdict, fault and interventions of one side."""
    verdict, motion = side.verdict, side.motion
    return {
        "outcome": None if verdict.outcome is None else verdict.outcome.value,
        "reason": verdict.reason,
        "at_s": verdict.at_s,
        "fault": motion.fault,
        "interventions": motion.interventions,
        "refused_commands": motion.refused,
        "skipped_ticks": side.skipped,
    }


def differences_of(replay: AttemptReplay) -> list[str]:
    """Return the differences between rebuilt attempt and record; empty if it is the same."""
    found = []
    if replay.matched < replay.ticks:
        missing = replay.ticks - replay.matched
        found.append(
            f"observations: {missing} of {replay.ticks} do not follow from the recorded inputs"
        )
    for name, differences in (("observations", replay.observations), ("actions", replay.actions)):
        if differences.beyond and name not in " ".join(found):
            found.append(_clause(name, differences))
    wire = replay.stream.wire
    for name, differences in () if wire is None else _wire_differences(wire):
        if differences.beyond:
            found.append(_clause(f"{name} of the wire", differences))
    doubtful = 0.0 if replay.stream.has_records else DOUBTFUL_SHARE
    if replay.applied.beyond > doubtful * replay.applied.compared:
        found.append(_clause("applied twists", replay.applied))
    unpaired = replay.stream.unpaired_twists
    if unpaired and not replay.cycles:
        found.append(f"applied twists: none of {unpaired} has the stamp of a pose")
    found += _outcome(replay)
    return found


def _clause(name: str, differences: Differences) -> str:
    first = differences.first or {"time_s": 0.0}
    return (
        f"{name}: {differences.beyond} of {differences.compared} differ by more than "
        f"{differences.tolerance:g}, the first at {first['time_s']:.3f} s"
    )


def _outcome(replay: AttemptReplay) -> list[str]:
    """Compare the verdicts; a fault or an abort from outside the bag is not rebuilt."""
    result, verdict = replay.setup.result, replay.recorded_side.verdict
    rebuilt, from_outside = verdict.outcome, verdict.reason == HELD_FROM_OUTSIDE
    if result is None or ((rebuilt is None or from_outside) and result.outcome in _FROM_OUTSIDE):
        return []
    outcome = "no verdict" if rebuilt is None else rebuilt.value
    return (
        []
        if outcome == result.outcome
        else [f"outcome: recorded {result.outcome}, rebuilt {outcome}"]
    )


def lines_of(report: dict[str, Any]) -> list[str]:
    """Format a report of ``report_of`` as lines of text."""
    lines = [
        f"ticks:                 {report['ticks']}, inputs known bit for bit: "
        f"{report['inputs_known']}",
        *(
            _difference_line(f"wire, {name}:", values)
            for name, values in (report["wire"] or {}).items()
        ),
        *(
            _difference_line(f"{name}:", report[name])
            for name in ("observations", "actions", "applied")
        ),
        *_undetermined_lines(report["applied"]),
        *_paused_lines(report),
        *_unplaced_lines(report["unplaced_commands"]),
        f"recorded outcome:      {_outcome_line(report['recorded_outcome'])}",
        f"rebuilt outcome:       {_outcome_line(report['rebuilt'])}",
        f"interventions:         {_counts(report['rebuilt']['interventions'])}",
    ]
    if "what_if" in report:
        lines += _what_if_lines(report["what_if"], report["rebuilt"]["interventions"])
    return [*lines, *(f"differs:               {each}" for each in report["differs"])]


def _what_if_lines(what_if: dict[str, Any], recorded: dict[str, int]) -> list[str]:
    """Format a what-if; ``recorded`` are the interventions without the changes."""
    return [
        f"what if:               {'; '.join(what_if['changes'])}",
        f"                       {what_if['open_loop']}",
        f"  outcome:             {_outcome_line(what_if)}",
        f"  fault of the bridge: {what_if['fault'] or 'none'}",
        *_lost_sensor_lines(what_if["lost_sensor"]),
        *_stepped_in_lines(what_if["interventions"], recorded, what_if["first_interventions"]),
        f"  refused commands:    {_counts(what_if['refused_commands'])}",
        f"  skipped ticks:       {_counts(what_if['skipped_ticks'])}",
        f"  actions:             {_changed_line(what_if['actions'], '')}",
        f"  twists:              {_changed_line(what_if['applied'], ' m/s or rad/s')}",
    ]


def _stepped_in_lines(
    changed: dict[str, int], recorded: dict[str, int], first_s: dict[str, float]
) -> list[str]:
    """Format the cycles in which the governor stepped in, with the changes and without."""
    lines = []
    for kind in sorted(changed.keys() | recorded.keys()):
        before, after = recorded.get(kind, 0), changed.get(kind, 0)
        text = f"{kind} in {after} cycles, in {before} as recorded"
        if kind in first_s:
            text += f"; only here first at {first_s[kind]:.3f} s"
        lines.append(text)
    titles = ["  interventions:       ", *(23 * " " for _ in lines)]
    return [title + line for title, line in zip(titles, lines or ["none"], strict=False)]


def _lost_sensor_lines(lost: dict[str, Any] | None) -> list[str]:
    if lost is None:
        return []
    times = [
        f"{what} {1e3 * (at_s - lost['lost_s']):.0f} ms later"
        if at_s is not None
        else f"not {what}"
        for what, at_s in (
            ("stale for the governor", lost["noticed_s"]),
            ("at rest", lost["rest_s"]),
        )
    ]
    return [f"  sensor:              lost at {lost['lost_s']:.3f} s; {', '.join(times)}"]


def _changed_line(values: dict[str, Any], unit: str) -> str:
    first, largest = values["first_divergence"], values["max_difference"]
    if first is None:
        return "as without the changes" if values["samples"] else "not compared"
    most = "not finite" if largest is None else f"{largest:.3g}{unit}"
    return (
        f"{values['beyond_tolerance']} of {values['samples']} differ, by at most {most}, the first "
        f"at {first['time_s']:.3f} s"
    )


def _undetermined_lines(applied: dict[str, Any]) -> list[str]:
    count = applied["undetermined"]
    return [f"undetermined:          {count} twists cannot be determined from this bag"] * bool(
        count
    )


def _paused_lines(report: dict[str, Any]) -> list[str]:
    lines = [f"recording:             {each['text']}" for each in report["paused"]]
    if lines:
        count = report["ticks_not_compared"]
        lines.append(f"not compared:          {count} ticks whose inputs came during a pause")
    return lines


def _unplaced_lines(count: int) -> list[str]:
    text = f"{count} commands whose stamp is none or of another time; the bridge refused them"
    return [f"left out:              {text}"] * bool(count)


def _difference_line(name: str, values: dict[str, Any]) -> str:
    if values["samples"] == values["undetermined"]:
        return f"{name:<22} not compared"
    largest, typical = values["max_difference"], values["typical_difference"]
    text = "not finite" if largest is None else f"{largest:.3g}"
    text += "" if typical is None else f", typical {typical:.2g}"
    return f"{name:<22} max difference {text}; {values['beyond_tolerance']} beyond tolerance"


def _outcome_line(verdict: dict[str, Any] | None) -> str:
    if verdict is None or verdict["outcome"] is None:
        return "none"
    return f"{verdict['outcome']} at {verdict['at_s']:.3f} s ({verdict['reason']})"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
