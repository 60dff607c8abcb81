"""Reduces a bag to the shortest one with the same verdict, so that a fault becomes a small test.

Every candidate is replayed as in ``replay_bag``, and accepted if nothing differs. Topics of types
that cannot be written are left out. First the end is cut after the verdict, then each topic that
the replay does not need is dropped, then the beginning is cut as late as possible; a bag that ends
with an operator's stop keeps the second before it. Small topics, such as the recorded result, are
kept in full.

A policy that remembers earlier observations acts differently once the beginning is cut. Such a bag
is therefore replayed with its recorded actions, like that of a person or a script, and its
expectation says so.
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
from der_ros.bags.mcap_file import is_recordable
from der_ros.bags.reader import BagReader
from der_ros.errors import BagError, ConfigurationError, ContractError, DerRosError
from der_ros.offline_replay.attempt_replay import AttemptReplay, replay_bag
from der_ros.offline_replay.attempt_setup import (
    CYCLE_TOPIC,
    LIMITS_TOPIC,
    RESULT_TOPIC,
    STREAMED,
    read_setup,
)
from der_ros.offline_replay.expectations import expectation_file, write_expectation
from der_ros.offline_replay.recorded_policy import ReplayedActor, actor_of_bag
from der_ros.offline_replay.replay_report import differences_of
from der_ros.policy.attempt import Outcome
from der_ros.policy.file.checksum import file_hashes
from der_ros.policy.policy_topics import CONTRACT_TOPIC, INFO_TOPIC
from der_ros.policy.shipped import shipped_policies

_SETTLED_NS = 100_000_000
# A bag does not show why an operator stopped; its last second shows the interrupted motion.
_BEFORE_A_STOP_NS = 1_000_000_000
_STEPS = 8
# Begin this much earlier: a cut between a tick and its inputs would remove the inputs.
_BETWEEN_TICKS_NS = 30_000_000
_WHOLE = (CONTRACT_TOPIC, INFO_TOPIC, LIMITS_TOPIC, RESULT_TOPIC)
_NEEDED = (*_WHOLE, *STREAMED, CYCLE_TOPIC)


class RebuiltEnd(NamedTuple):
    """Rebuilt verdict of an attempt.

    Attributes:
        outcome: Outcome; None without a verdict.
        reason: Reason of the outcome, one sentence.
    """

    outcome: Outcome | None
    reason: str


class Minimized(NamedTuple):
    """Result of minimizing a bag.

    Attributes:
        bag: Folder of the new bag; its expectation file is ``NAME.yaml`` beside it.
        outcome: Outcome of the attempt, unchanged.
        reason: Reason of the outcome, unchanged.
        seconds_before: Length of the given bag, s.
        seconds: Length of the new bag, s.
        topics_before: Number of topics of the given bag.
        topics: Number of topics of the new bag.
        replays: Number of replays run.
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


def minimize_bag(
    bag: Path, out: Path, keep: Outcome | None = Outcome.FAULT, policy: Path | None = None
) -> Minimized:
    """Minimize a bag, and write the new bag and its expectation file.

    Args:
        bag: Folder of a rosbag2 bag.
        out: Folder to create.
        keep: Outcome that the attempt must have; None accepts any.
        policy: ONNX file of the policy that acted; None finds it by its checksum.

    Raises:
        BagError: The bag cannot be replayed, for example because its policy is not on this
            computer; its outcome is not ``keep``; or ``out`` exists.
        ConfigurationError: The expectation file cannot be written.
    """
    if out.exists() or expectation_file(out).exists():
        raise BagError(f"bag {out}: expected a new name, this one exists")
    acted = _actor(bag, policy)
    with tempfile.TemporaryDirectory() as folder:
        cutter = _Cutter(bag, Path(folder), acted)
        replay = cutter.replay(bag)
        if acted.policy is not None and acted.policy.contract.history:
            acted = cutter.acted = _actor(bag, None, as_recorded=True)
            replay = cutter.replay(bag) if replay.begins_within else replay
        outcome, reason = _kept_end(bag, replay, keep)
        cut = cutter.shortest(RebuiltEnd(outcome, reason), replay)
        cutter.write(cut, out)
    peak_n, named = math.ceil(replay.stream.peak_force_n), policy or _unshipped(acted)
    try:
        write_expectation(out, outcome, reason, peak_n, named, acted.policy is None)
    except ConfigurationError:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return Minimized(
        out,
        outcome.value,
        reason,
        round(1e-9 * (replay.end_ns - replay.start_ns), 3),
        round(1e-9 * (cut.end_ns - max(cut.begin_ns, replay.start_ns)), 3),
        cutter.topics_before,
        len(cut.topics),
        cutter.replays,
    )


def _unshipped(acted: ReplayedActor) -> Path | None:
    """Return the policy's file; None for a shipped one, which is found for any bag."""
    policy = acted.policy
    if policy is None or any(policy.sha256 in file_hashes(p) for p in shipped_policies().values()):
        return None
    return policy.path


def _actor(bag: Path, given: Path | None, as_recorded: bool = False) -> ReplayedActor:
    """Return the given policy, or else what acted in the bag; for the arguments, see there.

    Raises:
        BagError: The bag holds no attempt, or the policy cannot be used.
    """
    with BagReader(bag) as reader:
        read_setup(reader)  # raises a BagError that names the missing topic of other bags
        try:
            return actor_of_bag(reader, given, as_recorded)
        except (ConfigurationError, ContractError) as error:
            raise BagError(str(error)) from error


def _kept_end(bag: Path, replay: AttemptReplay, keep: Outcome | None) -> tuple[Outcome, str]:
    """Return outcome and reason of the whole bag, which every cut must reproduce.

    Raises:
        BagError: The outcome is not ``keep``, or the replay differs from the record.
    """
    outcome, reason = _end_of(replay)
    if outcome is None or keep not in (None, outcome):
        wanted = "a verdict" if keep is None else keep.value
        got = "none" if outcome is None else f"{outcome.value} ({reason})"
        raise BagError(
            f"bag {bag}: expected an attempt that ends in {wanted}, its replay ends in {got}"
        )
    if differs := differences_of(replay):
        raise BagError(f"bag {bag}: expected a bag that replays the same: {'; '.join(differs)}")
    return outcome, reason


class _Cutter:
    """Tries cuts of one bag, which are copies with fewer topics and a shorter time range."""

    def __init__(self, bag: Path, folder: Path, acted: ReplayedActor) -> None:
        self._bag, self._folder, self.acted = bag, folder, acted
        self.replays = 0
        with BagReader(bag) as reader:
            self.topics_before = len(reader.topics)
            self._topics = frozenset(t for t, kind in reader.types.items() if is_recordable(kind))
        self._whole = {name for name in self._topics if name.endswith(_WHOLE)}

    def replay(self, bag: Path) -> AttemptReplay:
        """Replay a bag with what acted in it."""
        self.replays += 1
        return replay_bag(bag, *self.acted.actor)

    def write(self, cut: _Cut, out: Path) -> None:
        """Write a cut of the bag; small topics are kept in full."""
        copy_bag(
            self._bag,
            out,
            topics=cut.topics,
            whole=self._whole,
            begin_ns=cut.begin_ns,
            end_ns=cut.end_ns,
        )

    def shortest(self, end: RebuiltEnd, replay: AttemptReplay) -> _Cut:
        """Return the smallest cut that still ends with the verdict ``end``."""
        at_ns = replay.start_ns + round(1e9 * replay.recorded_side.verdict.at_s)
        cut = _Cut(self._topics, 0, replay.end_ns)
        early = cut._replace(end_ns=at_ns + _SETTLED_NS)
        cut = early if self._gives(end, early) else cut
        for name in sorted(each for each in self._topics if not each.endswith(_NEEDED)):
            fewer = cut._replace(topics=cut.topics - {name})
            cut = fewer if self._gives(end, fewer) else cut
        if end.outcome is Outcome.ABORTED:
            at_ns = max(replay.start_ns, at_ns - _BEFORE_A_STOP_NS)
        return self._latest(end, cut, replay.start_ns, at_ns)

    def _latest(self, end: RebuiltEnd, cut: _Cut, good_ns: int, bad_ns: int) -> _Cut:
        """Return the cut with the latest beginning before the verdict, by bisection."""
        for _ in range(_STEPS):
            middle_ns = (good_ns + bad_ns) // 2
            for begin_ns in (middle_ns, middle_ns - _BETWEEN_TICKS_NS):
                if begin_ns > good_ns and self._gives(end, cut._replace(begin_ns=begin_ns)):
                    good_ns = begin_ns
                    break
            else:
                bad_ns = middle_ns
        return cut._replace(begin_ns=good_ns)

    def _gives(self, end: RebuiltEnd, cut: _Cut) -> bool:
        try:
            with self._written(cut) as bag:
                replay = self.replay(bag)
                return _end_of(replay) == end and not differences_of(replay)
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


def _end_of(replay: AttemptReplay) -> RebuiltEnd:
    verdict = replay.recorded_side.verdict
    return RebuiltEnd(verdict.outcome, verdict.reason)
