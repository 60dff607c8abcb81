"""The shortest bag that still ends in the same verdict: a fault becomes a small test.

Every candidate is replayed as ``replay_bag`` does. First the end is cut behind the verdict, then
every topic that is not needed is left out, then the beginning is cut as late as possible.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.bag_replay import CONTRACT_TOPIC, INFO_TOPIC
from der_ros.bags.reader import BagReader
from der_ros.errors import BagError, DerRosError
from der_ros.offline_replay.attempt_replay import AttemptReplay, replay_bag
from der_ros.offline_replay.attempt_setup import LIMITS_TOPIC, RESULT_TOPIC
from der_ros.offline_replay.expectations import write_expectation
from der_ros.offline_replay.recorded_policy import policy_of_bag
from der_ros.offline_replay.replay_report import differences_of
from der_ros.policy.attempt import Outcome
from der_ros.policy.runtime import OnnxPolicy

VERDICT = "verdict"
"""Keeps whatever the attempt ended in."""
KEPT = (*(each.value for each in Outcome), VERDICT)
_SETTLED_NS = 100_000_000
_STEPS = 8
_WHOLE = (CONTRACT_TOPIC, INFO_TOPIC, LIMITS_TOPIC, RESULT_TOPIC)


class Verdict(NamedTuple):
    """Rebuilt end of an attempt.

    Attributes:
        outcome: None where there is none.
        reason: one sentence.
    """

    outcome: Outcome | None
    reason: str


class Minimized(NamedTuple):
    """A bag that was cut down.

    Attributes:
        bag: folder of the new bag; its expectation is ``NAME.yaml`` beside it.
        outcome: of the attempt, as before.
        reason: of the outcome, as before.
        seconds_before: length of the given bag, s.
        seconds: length of the new one, s.
        topics_before: topics of the given bag.
        topics: topics of the new one.
        replays: candidates that were tried.
    """

    bag: Path
    outcome: str
    reason: str
    seconds_before: float
    seconds: float
    topics_before: int
    topics: int
    replays: int


class _Cut(NamedTuple):
    topics: frozenset[str]
    begin_ns: int
    end_ns: int


def minimize_bag(bag: Path, out: Path, keep: str = Outcome.FAULT.value) -> Minimized:
    """Cut a bag down, and write the new one and its expectation.

    Args:
        bag: a rosbag2 folder.
        out: folder to make.
        keep: outcome that the attempt must have, or ``VERDICT``.

    Raises:
        BagError: the bag cannot be replayed, its outcome is another one, or ``out`` is there.
        ConfigurationError: its policy is not on this machine.
    """
    if out.exists() or out.with_name(f"{out.name}.yaml").exists():
        raise BagError(f"bag {out}: expected a new name, it is there")
    policy = OnnxPolicy.load(policy_of_bag(bag))
    with tempfile.TemporaryDirectory() as folder:
        cutter = _Cutter(bag, Path(folder), policy)
        replay = cutter.replay(bag)
        verdict = _verdict_of(replay)
        if verdict.outcome is None or keep not in (verdict.outcome.value, VERDICT):
            told = "none" if verdict.outcome is None else f"{verdict.outcome.value}"
            raise BagError(
                f"bag {bag}: expected an attempt that ends in {keep}, its replay ends in {told} "
                f"{verdict.reason}"
            )
        if differs := differences_of(replay):
            raise BagError(f"bag {bag}: expected a bag that replays the same: {'; '.join(differs)}")
        cut = cutter.shortest(verdict, replay)
        cutter.write(cut, out)
    peak_n = math.ceil(replay.stream.peak_force_n)
    write_expectation(out, verdict.outcome, verdict.reason, peak_n)
    before = 1e-9 * (replay.end_ns - replay.start_ns)
    return Minimized(
        out,
        verdict.outcome.value,
        verdict.reason,
        round(before, 3),
        round(1e-9 * (cut.end_ns - max(cut.begin_ns, replay.start_ns)), 3),
        len(cutter.topics),
        len(cut.topics),
        cutter.replays,
    )


class _Cutter:
    """Tries cuts of one bag."""

    def __init__(self, bag: Path, folder: Path, policy: OnnxPolicy) -> None:
        self._bag, self._folder, self._policy = bag, folder, policy
        self.replays = 0
        with BagReader(bag) as reader:
            self.topics = frozenset(reader.topics)
        self._whole = {name for name in self.topics if name.endswith(_WHOLE)}

    def replay(self, bag: Path) -> AttemptReplay:
        """Replay a bag with the policy that acted."""
        self.replays += 1
        return replay_bag(bag, self._policy, self._policy.contract.scale)

    def write(self, cut: _Cut, out: Path) -> None:
        """Write a cut of the bag; small topics are kept for all the time."""
        copy_bag(
            self._bag,
            out,
            topics=cut.topics,
            whole=self._whole,
            begin_ns=cut.begin_ns,
            end_ns=cut.end_ns,
        )

    def shortest(self, verdict: Verdict, replay: AttemptReplay) -> _Cut:
        """Return the smallest cut that still ends in ``verdict``."""
        at_ns = replay.start_ns + round(1e9 * replay.recorded_side.verdict.at_s)
        cut = _Cut(self.topics, 0, replay.end_ns)
        early = cut._replace(end_ns=at_ns + _SETTLED_NS)
        cut = early if self._gives(verdict, early) else cut
        for name in sorted(self.topics):
            fewer = cut._replace(topics=cut.topics - {name})
            cut = fewer if self._gives(verdict, fewer) else cut
        return self._latest(verdict, cut, replay.start_ns, at_ns)

    def _latest(self, verdict: Verdict, cut: _Cut, good_ns: int, bad_ns: int) -> _Cut:
        """Return the cut with the latest beginning, by halving the time before the verdict."""
        for _ in range(_STEPS):
            begin_ns = (good_ns + bad_ns) // 2
            if self._gives(verdict, cut._replace(begin_ns=begin_ns)):
                good_ns = begin_ns
            else:
                bad_ns = begin_ns
        return cut._replace(begin_ns=good_ns)

    def _gives(self, verdict: Verdict, cut: _Cut) -> bool:
        try:
            with self._written(cut) as bag:
                replay = self.replay(bag)
                return _verdict_of(replay) == verdict and not differences_of(replay)
        except DerRosError:
            return False

    @contextmanager
    def _written(self, cut: _Cut) -> Iterator[Path]:
        candidate = self._folder / "candidate"
        try:
            self.write(cut, candidate)
            yield candidate
        finally:
            shutil.rmtree(candidate, ignore_errors=True)


def _verdict_of(replay: AttemptReplay) -> Verdict:
    verdict = replay.recorded_side.verdict
    return Verdict(verdict.outcome, verdict.reason)
