"""``ros2 run der_ros replay_bag BAG``: recomputes every action of a recorded attempt.

Exit code 0: the policy gives the recorded actions; 1: it gives others; 2: bag or policy unusable.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from der_ros.bags.bag_replay import (
    DEFAULT_TOLERANCE,
    PolicyInfo,
    ReplayReport,
    ReplayVerdict,
    read_policy_info,
    replay_policy,
)
from der_ros.bags.reader import BagReader
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.policy.checksum import file_hashes
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policies

EXIT_CODES = {ReplayVerdict.SAME: 0, ReplayVerdict.DIFFERENT: 1, ReplayVerdict.UNUSABLE: 2}


def main(args: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = _parser().parse_args(args)
    try:
        path = options.policy or _policy_of(options.bag)
        policy = OnnxPolicy.load(path)
        print(f"policy: {policy.path} (sha256 {policy.sha256})", file=sys.stderr)
        report = replay_policy(options.bag, policy, options.tolerance)
    except DerRosError as error:
        report = ReplayReport(str(options.bag), 0, None, ReplayVerdict.UNUSABLE, str(error))
    _show(report, options.json)
    return EXIT_CODES[report.verdict]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="replay_bag",
        description="Recomputes every action of a recorded attempt from the recorded observations "
        "and says how far the actions are from the recorded ones.",
        epilog="Exit code 0: the same within the tolerance; 1: different; 2: bag or policy "
        "unusable.",
    )
    parser.add_argument("bag", type=Path, help="a rosbag2 folder that bag_recorder made")
    parser.add_argument(
        "--policy", type=Path, help="ONNX policy; default: the one that the bag was made with"
    )
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=DEFAULT_TOLERANCE,
        help="largest difference of an action in [-1, 1] that counts as the same (%(default)s)",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, nothing else"
    )
    return parser


def _tolerance(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"expected 0 to 2, got {text}")
    return value


def _policy_of(bag: Path) -> Path:
    """Return the file with the content of the policy that acted in ``bag``.

    Raises:
        BagError: the bag cannot be read.
        ConfigurationError: the bag names no policy, or it is not on this machine.
    """
    with BagReader(bag) as reader:
        info = read_policy_info(reader)
    if info is None:
        raise ConfigurationError(f"bag {bag}: it names no policy; give one with --policy")
    for candidate in _candidates(bag, info):
        if info.sha256 in file_hashes(candidate):
            return candidate
    raise ConfigurationError(
        f"bag {bag}: expected its policy {info.path} with sha256 {info.sha256}, which is neither "
        "there, nor in the package, nor in the run folder; give its path with --policy"
    )


def _candidates(bag: Path, info: PolicyInfo) -> Iterator[Path]:
    """Yield the places to look in: the recorded path, the package, the run folder, the bag's."""
    yield Path(info.path)
    yield from shipped_policies().values()
    folder = bag.resolve()
    for parent in (folder.parent.parent, folder.parent, folder):
        yield from sorted(parent.glob("*.onnx"))


def _show(report: ReplayReport, as_json: bool) -> None:
    """Print text or one JSON object; errors always go to standard error."""
    if report.verdict is ReplayVerdict.UNUSABLE:
        print(f"error: {report.reason}", file=sys.stderr)
    elif report.reason:
        print(report.reason, file=sys.stderr)
    if as_json:
        print(json.dumps(dataclasses.asdict(report)))
    elif report.max_action_difference is not None:
        print(f"bag:                   {report.bag}")
        print(f"samples:               {report.samples}")
        print(f"max action difference: {report.max_action_difference:.3g}")
        print(f"verdict:               {report.verdict.value}")


if __name__ == "__main__":
    sys.exit(main())
