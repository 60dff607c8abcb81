"""``ros2 run der_ros replay_bag BAG...``: replays recorded attempts and compares the results.

Exit code 0: all replays match; 1: one differs; 2: a bag or policy is unusable.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from der_ros.bags.bag_replay import (
    DEFAULT_TOLERANCE,
    ReplayReport,
    ReplayVerdict,
    read_samples,
    replay_policy,
)
from der_ros.bags.reader import BagReader
from der_ros.cli._tool import add_json_option, few_collections, run_tool
from der_ros.errors import BagError, ConfigurationError, DerRosError, printable
from der_ros.offline_replay.attempt_replay import AttemptReplay, replay_bag
from der_ros.offline_replay.attempt_setup import is_attempt
from der_ros.offline_replay.junit_report import JUnitCase, write_junit
from der_ros.offline_replay.plot.attempt_plot import AttemptPlot
from der_ros.offline_replay.recorded_policy import ReplayedActor, actor_of_bag
from der_ros.offline_replay.replay_report import lines_of, report_of
from der_ros.offline_replay.what_if import WhatIf, parse_parameters
from der_ros.policy.runtime import OnnxPolicy

EXIT_CODES = {ReplayVerdict.SAME: 0, ReplayVerdict.DIFFERENT: 1, ReplayVerdict.UNUSABLE: 2}
TOPICS, WIRE, OBSERVATIONS = "topics", "wire", "observations"
POLICY, RECORDED = "policy", "recorded"


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    parser = _parser()
    options = parser.parse_args(args)
    if options.plot is not None and len(options.bag) > 1:
        parser.error(f"--plot: expected one bag, got {len(options.bag)}")
    if options.source == OBSERVATIONS and (unused := _needs_topics(options)):
        parser.error(
            f"{', '.join(unused)}: expected --from {TOPICS} or --from {WIRE}; --from "
            f"{OBSERVATIONS} compares the actions and replays nothing else"
        )
    few_collections()
    return run_tool(lambda: _run(options))


def _needs_topics(options: argparse.Namespace) -> list[str]:
    """Return the given options that act on wrenches, poses or commands."""
    given = {
        "--plot": options.plot is not None,
        "--against": options.against is not None,
        "--set": bool(options.set),
        "--latency-ms": options.latency_ms != 0.0,
        "--lose-sensor-after": options.lose_sensor_after is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def _run(options: argparse.Namespace) -> int:
    try:
        what_if = _what_if(options)
        other = None if options.against is None else OnnxPolicy.load(options.against)
    except DerRosError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CODES[ReplayVerdict.UNUSABLE]
    results = [_replay(bag, options, what_if, other) for bag in options.bag]
    if options.json:
        many = {"bags": [each.values for each in results]}
        print(json.dumps(results[0].values if len(results) == 1 else many))
    return _finish(options, results)


@dataclasses.dataclass(frozen=True)
class _Result:
    """Result of replaying one bag: report, JSON values and wall time (s)."""

    report: ReplayReport
    values: dict[str, Any]
    wall_s: float


def _finish(options: argparse.Namespace, results: Sequence[_Result]) -> int:
    """Write the JUnit file if requested, and return the exit code."""
    code = max(EXIT_CODES[each.report.verdict] for each in results)
    if options.junit is None:
        return code
    cases = [
        JUnitCase(each.report.bag, each.report.verdict, each.report.reason, each.wall_s)
        for each in results
    ]
    try:
        write_junit(options.junit, cases)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CODES[ReplayVerdict.UNUSABLE]
    return code


def _replay(
    bag: Path, options: argparse.Namespace, what_if: WhatIf, other: OnnxPolicy | None
) -> _Result:
    """Replay one bag and print its report."""
    began_s, found = time.monotonic(), None
    try:
        with BagReader(bag) as reader:
            acted = actor_of_bag(reader, options.policy, options.actions == RECORDED)
            report = _replay_actions(reader, acted, options)
            if report.verdict is not ReplayVerdict.UNUSABLE and options.source != OBSERVATIONS:
                found = _replay_topics(reader, options, acted, what_if, other)
    except DerRosError as error:
        report = ReplayReport(str(bag), 0, None, ReplayVerdict.UNUSABLE, str(error))
    values: dict[str, Any] = {}
    if found is not None:
        values = {"replay": report_of(found)}
        report = _joined(report, values["replay"]["differs"])
    _show(report, options.json)
    if found is not None and not options.json:
        print("\n".join(map(printable, lines_of(values["replay"]))))
    return _Result(report, dataclasses.asdict(report) | values, time.monotonic() - began_s)


def _replay_actions(
    reader: BagReader, acted: ReplayedActor, options: argparse.Namespace
) -> ReplayReport:
    """Compare the policy's actions with the recorded ones; without a policy, only count them.

    Raises:
        BagError: The bag lacks observations or actions.
    """
    if acted.policy is not None:
        print(f"policy: {acted.policy.path} (sha256 {acted.policy.sha256})", file=sys.stderr)
        return replay_policy(reader, acted.policy, options.tolerance)
    bag = reader.path
    if options.source == OBSERVATIONS:
        raise BagError(
            f"bag {bag}: expected a policy for --from observations, got recorded actions "
            f"({acted.made_by}); give one with --policy"
        )
    print(printable(f"actions: those of the bag ({acted.made_by})"), file=sys.stderr)
    return ReplayReport(str(bag), len(read_samples(reader)), None, ReplayVerdict.SAME)


def _replay_topics(
    reader: BagReader,
    options: argparse.Namespace,
    acted: ReplayedActor,
    what_if: WhatIf,
    other: OnnxPolicy | None,
) -> AttemptReplay | None:
    """Replay from the recorded wrenches and poses; print a note and return None without them.

    Raises:
        BagError: The bag lacks topics that a what-if option or ``--plot`` needs.
        ConfigurationError: A limit is out of range, or the plot cannot be written.
    """
    bag = reader.path
    if not is_attempt(reader):
        needed = options.source == WIRE or options.plot is not None
        if other is not None or what_if.is_change or needed:
            raise BagError(f"bag {bag}: expected wrenches, poses and twists, it has none of them")
        print(f"bag {bag}: no wrenches and poses: only the actions are replayed", file=sys.stderr)
        return None
    plot = AttemptPlot()
    replay = replay_bag(
        reader,
        *acted.actor,
        other=None if other is None else (other, other.contract.scale),
        what_if=what_if,
        tolerance=options.tolerance,
        from_wire=options.source == WIRE,
        on_sample=plot.cycles.add if options.plot else None,
    )
    for policy in filter(None, (acted.policy, other)):
        if policy.contract.task != replay.setup.task:
            print(
                f"bag {bag}: its task is {replay.setup.task}, {policy.path} is for "
                f"{policy.contract.task}",
                file=sys.stderr,
            )
    if options.plot:
        plot.draw(options.plot, bag.name, replay)
    if acted.policy is not None and acted.policy.contract.history and replay.begins_within:
        print(
            f"bag {bag}: it begins within the attempt, and the policy remembers what was before; "
            "give --actions recorded",
            file=sys.stderr,
        )
    return replay


def _joined(report: ReplayReport, differs: Sequence[str]) -> ReplayReport:
    """Return the report with further differences added to its verdict and reason."""
    if not differs:
        return report
    reason = "; ".join(filter(None, (report.reason, *differs)))
    return dataclasses.replace(report, verdict=ReplayVerdict.DIFFERENT, reason=reason)


def _what_if(options: argparse.Namespace) -> WhatIf:
    return WhatIf(
        parse_parameters(options.set), 1e-3 * options.latency_ms, options.lose_sensor_after
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="replay_bag",
        description="Replays recorded attempts through the nodes' own cores, in bag time and "
        "without ROS, and compares observations, actions, applied twists and outcome with what "
        "the bag holds.",
        epilog="Exit code 0: the same within the tolerance; 1: different; 2: bag or policy "
        "unusable.",
    )
    parser.add_argument("bag", type=Path, nargs="+", help="a rosbag2 folder of bag_recorder")
    _add_replayed(parser)
    _add_what_if(parser)
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=DEFAULT_TOLERANCE,
        help="largest difference of an action in [-1, 1] that counts as the same (%(default)s)",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="write a picture of the attempt")
    parser.add_argument(
        "--junit", type=Path, metavar="XML", help="write a JUnit test case for each bag"
    )
    add_json_option(parser)
    return parser


def _add_replayed(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose what acts and from which records."""
    acts = parser.add_mutually_exclusive_group()
    acts.add_argument(
        "--policy", type=Path, help="ONNX policy; default: the one that the bag was made with"
    )
    acts.add_argument(
        "--actions",
        choices=(POLICY, RECORDED),
        default=POLICY,
        help="recorded: use the recorded actions, as always in a bag that a person or a script "
        "made (%(default)s)",
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=(TOPICS, WIRE, OBSERVATIONS),
        default=TOPICS,
        help="topics: from the recorded wrenches and poses; wire: from the telegrams of sensor and "
        "robot (record_wire:=true), through the drivers; observations: only the actions, from "
        "the recorded observations (%(default)s)",
    )


def _add_what_if(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what if (open loop: the recorded poses go on)")
    group.add_argument("--against", type=Path, metavar="ONNX", help="let another policy act")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.PARAMETER=NUMBER",
        help="another value of a parameter within its range, such as "
        "kuka_bridge.max_linear_speed_mps=0.02; may be repeated",
    )
    group.add_argument(
        "--latency-ms",
        type=float,
        default=0.0,
        help="additional latency of each command, ms (%(default)s)",
    )
    group.add_argument(
        "--lose-sensor-after",
        type=float,
        metavar="S",
        help="let the sensor be silent from S seconds after the first message on; within the bag",
    )


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # Negated so that NaN fails too.
    if not 0.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 2, got {text!r}")
    return value


def _show(report: ReplayReport, as_json: bool) -> None:
    """Print the report as text unless ``as_json``; the reason always goes to standard error."""
    if report.verdict is ReplayVerdict.UNUSABLE:
        print(printable(f"error: {report.reason}"), file=sys.stderr)
    elif report.reason:
        print(printable(report.reason), file=sys.stderr)
    if not as_json and report.verdict is not ReplayVerdict.UNUSABLE:
        print(f"bag:                   {report.bag}")
        print(f"samples:               {report.samples}")
        if report.max_action_difference is not None:
            print(f"max action difference: {report.max_action_difference:.3g}")
        print(f"verdict:               {report.verdict.value}")


if __name__ == "__main__":
    sys.exit(main())
