"""Summary of a bag: topics, rates, gaps, lost messages, metadata and attachments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.pauses import PAUSED, Pause, paused_ns
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import LOST_PREFIX, lost_count


class TopicFacts(NamedTuple):
    """Message count, rate and gap of one topic.

    Attributes:
        name: Full name of the topic.
        message_type: ROS type, such as ``std_msgs/msg/String``.
        messages: Number of messages in the bag.
        rate_hz: Mean rate between the first and the last message, without pauses of the recording,
            Hz; 0 with fewer than two.
        longest_gap_s: Longest time between two messages, without pauses of the recording, s; 0 with
            fewer than two.
        lost: Number of lost messages, as counted by the recorder.
    """

    name: str
    message_type: str
    messages: int
    rate_hz: float
    longest_gap_s: float
    lost: int


class BagFacts(NamedTuple):
    """Summary of one complete bag.

    Attributes:
        bag: Folder of the bag.
        start_ns: Bag time of the first message, ns since the epoch; 0 without messages.
        duration_s: Time from the first to the last message, s.
        size_bytes: Total size of the files in the folder.
        files: Names of the data files, relative to the folder.
        distribution: ROS 2 distribution that recorded the bag; empty if not stored.
        topics: Summary of each topic, sorted by name.
        pauses: Times in which the recording was paused, in order.
        custom: Custom data stored by the recorder, without lost messages and pauses.
        attachments: Size of each attached file by name, bytes.
    """

    bag: Path
    start_ns: int
    duration_s: float
    size_bytes: int
    files: tuple[str, ...]
    distribution: str
    topics: tuple[TopicFacts, ...]
    pauses: tuple[Pause, ...]
    custom: dict[str, str]
    attachments: dict[str, int]

    @property
    def lost(self) -> int:
        """Number of lost messages of all topics."""
        return sum(topic.lost for topic in self.topics)


class _Times:
    """Count, first and last time, and longest gap of one topic's messages."""

    def __init__(self, pauses: Sequence[Pause]) -> None:
        self._pauses = pauses
        self.count = self.first_ns = self.last_ns = self.gap_ns = 0

    def add(self, stamp_ns: int) -> None:
        if self.count:
            self.gap_ns = max(self.gap_ns, self._recorded_ns(self.last_ns, stamp_ns))
        else:
            self.first_ns = stamp_ns
        self.count, self.last_ns = self.count + 1, stamp_ns

    @property
    def rate_hz(self) -> float:
        span_ns = self._recorded_ns(self.first_ns, self.last_ns)
        return 1e9 * (self.count - 1) / span_ns if span_ns > 0 else 0.0

    def _recorded_ns(self, begin_ns: int, end_ns: int) -> int:
        return end_ns - begin_ns - paused_ns(self._pauses, begin_ns, end_ns)


def read_bag_facts(bag: Path) -> BagFacts:
    """Read a bag and summarize its contents.

    Raises:
        BagError: The bag is incomplete or damaged; the message says how to repair it.
    """
    with BagReader(bag) as reader:
        folder = reader.folder
        pauses = reader.pauses()
        times = {name: _Times(pauses) for name in reader.topics}
        for topic, stamp_ns, _ in reader.serialized(*times):
            times[topic].add(stamp_ns)
        kinds = reader.types
        stored = {name: len(content) for name, content in reader.attachments().items()}
        information, custom = reader.description(), reader.custom_data()
    custom.pop(PAUSED, None)
    lost: dict[str, int] = {}
    for key in [each for each in custom if each.startswith(LOST_PREFIX)]:
        if (count := lost_count(custom[key])) is not None:
            lost[key.removeprefix(LOST_PREFIX)] = count
            del custom[key]
    filled = [each for each in times.values() if each.count]
    start_ns = min((each.first_ns for each in filled), default=0)
    return BagFacts(
        folder,
        start_ns,
        1e-9 * (max((each.last_ns for each in filled), default=0) - start_ns),
        sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        tuple(information["relative_file_paths"]),
        str(information.get("ros_distro") or ""),
        tuple(
            TopicFacts(
                name,
                kinds.get(name, ""),
                each.count,
                each.rate_hz,
                1e-9 * each.gap_ns,
                lost.get(name, 0),
            )
            for name, each in sorted(times.items())
        ),
        pauses,
        custom,
        stored,
    )
