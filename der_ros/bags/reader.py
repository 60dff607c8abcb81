"""Reads rosbag2 bags offline, in bag order; every fault of a bag raises a BagError."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from mcap.reader import make_reader
from rosbags.typesys import Stores, get_typestore

from der_ros.bags.bounded import whole_folder
from der_ros.bags.integrity import CheckedBag, check_bag, read_description
from der_ros.bags.mcap_index import OwnTypes, Topic
from der_ros.bags.metadata import MESSAGE_TYPES, PART_SUFFIX
from der_ros.bags.pauses import PAUSED, Pause, pauses_from_text
from der_ros.bags.sqlite_check import SUFFIX as SQLITE_SUFFIX
from der_ros.errors import BagError

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader

_REINDEX = "ros2 bag reindex"
# Number of this durability in the descriptions of Humble.
_TRANSIENT_LOCAL = "1"


class BagMessage(NamedTuple):
    """Message with its topic and bag time.

    Attributes:
        topic: Full name of the topic.
        stamp_ns: Bag time, ns since the epoch.
        message: Message with the fields of its ROS type, arrays as numpy arrays; or its CDR bytes.
    """

    topic: str
    stamp_ns: int
    message: Any


class _TopicEntry(NamedTuple):
    """A topic of an open bag, with its message type and number of messages."""

    topic: str
    msgtype: str
    msgcount: int
    is_latched: bool


class BagReader:
    """Context manager that reads one bag (MCAP or SQLite, compressed or not).

    Args:
        path: Folder of the bag, or one of its files.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._entries: tuple[_TopicEntry, ...] | None = None
        self._reader: AnyReader | None = None
        self._types = OwnTypes({}, {})
        self._checked = CheckedBag({})
        self._files = self.folder

    @property
    def folder(self) -> Path:
        """Folder of the bag, also if ``path`` is one of its files."""
        return self.path.parent if self.path.suffix in (".mcap", SQLITE_SUFFIX) else self.path

    def open(self) -> None:
        """Open the bag, verify its checksums and counts, and read its index.

        Raises:
            BagError: The bag does not exist, is incomplete or is damaged.
        """
        folder = self.folder
        try:
            self._require_folder(folder)
        except (OSError, ValueError) as error:
            if isinstance(error, BagError):
                raise
            raise BagError(
                f"bag {self.path}: expected the path of a rosbag2 folder ({error})"
            ) from error
        try:
            whole = self._stack.enter_context(whole_folder(folder, read_description(folder)))
            self._checked = check_bag(whole)
            self._files = whole
            if self._checked.is_own:
                self._types = OwnTypes(self._checked.definitions, self._checked.hashes)
                self._entries = _own_entries(self._checked.information)
            else:
                self._reader = self._stack.enter_context(_any_reader(whole))
                self._entries = _other_entries(self._reader)
        except Exception as error:  # the parser meets damaged bytes with errors of every kind
            self._stack.close()
            raise self._damaged(error) from error

    def _require_folder(self, folder: Path) -> None:
        part = folder.parent / (folder.name + PART_SUFFIX)
        if folder.suffix == PART_SUFFIX or (part.exists() and not folder.exists()):
            raise BagError(
                f"bag {self.path}: its recording was not completed; "
                f"'ros2 run der_ros bags repair {part if part.exists() else folder}' completes it"
            )
        if not (folder / "metadata.yaml").is_file():
            raise BagError(
                f"bag {self.path}: expected a rosbag2 folder with a metadata.yaml, "
                f"got {_missing(folder)}"
            )

    def close(self) -> None:
        """Close the bag and all its files."""
        self._entries = self._reader = None
        self._stack.close()

    @property
    def topics(self) -> Mapping[str, int]:
        """Number of messages by topic, from the bag's index."""
        counts: dict[str, int] = {}
        for entry in sorted(self._opened()):
            counts[entry.topic] = counts.get(entry.topic, 0) + entry.msgcount
        return counts

    @property
    def types(self) -> Mapping[str, str]:
        """Message type by topic, such as ``geometry_msgs/msg/WrenchStamped``."""
        return {entry.topic: entry.msgtype for entry in self._opened()}

    @property
    def latched(self) -> frozenset[str]:
        """Topics that were offered as transient-local."""
        return frozenset(entry.topic for entry in self._opened() if entry.is_latched)

    def attachments(self) -> dict[str, bytes]:
        """Return the content of the attached files by name; only MCAP bags have any.

        Raises:
            BagError: An attachment cannot be read.
        """
        found: dict[str, bytes] = {}
        try:
            for path in sorted(self._files.glob("*.mcap")):
                with path.open("rb") as file:
                    found |= {each.name: each.data for each in make_reader(file).iter_attachments()}
        except Exception as error:  # as in open
            raise self._damaged(error) from error
        return found

    def description(self) -> dict[str, Any]:
        """Return the bag's ``rosbag2_bagfile_information``, as it was when the bag was opened."""
        self._opened()
        return dict(self._checked.information)

    def custom_data(self) -> dict[str, str]:
        """Return the texts that the recorder stored with the bag, by key."""
        stored = self.description().get("custom_data") or {}
        return {str(key): str(text) for key, text in stored.items()}

    def pauses(self) -> tuple[Pause, ...]:
        """Return the times in which the recording was paused, in order.

        Raises:
            BagError: The entry in the custom data is malformed.
        """
        try:
            return pauses_from_text(self.custom_data().get(PAUSED, ""))
        except BagError as error:
            raise BagError(f"bag {self.path}: {error}") from error

    def has(self, name: str) -> bool:
        """Return True if a topic of this name, in any namespace, has messages."""
        wanted = "/" + name.lstrip("/")
        return any(count and ("/" + topic).endswith(wanted) for topic, count in self.topics.items())

    def find(self, name: str, kind: str = "") -> str:
        """Return the full name of the topic with this name in any namespace.

        Args:
            name: Name of the topic, with or without its leading slash.
            kind: Expected message type; by default that of ``MESSAGE_TYPES``, or any.

        Raises:
            BagError: No topic, or more than one, matches, or it has another message type.
        """
        wanted = name.lstrip("/")
        found = [topic for topic in self.topics if ("/" + topic).endswith("/" + wanted)]
        if len(found) != 1:
            raise BagError(
                f"bag {self.path}: expected one topic {wanted}, "
                f"got {', '.join(found) or 'none; it has ' + ', '.join(sorted(self.topics))}"
            )
        expected = kind or MESSAGE_TYPES.get(wanted, "")
        others = {each for each in self._kinds_of(found[0]) if expected and each != expected}
        if others:
            raise BagError(
                f"bag {self.path}: {found[0]}: expected messages of {expected}, "
                f"got {', '.join(sorted(others))}"
            )
        return found[0]

    def _kinds_of(self, topic: str) -> set[str]:
        return {entry.msgtype for entry in self._opened() if entry.topic == topic}

    def messages(self, *topics: str) -> Iterator[BagMessage]:
        """Yield the messages of topics, given by full names, in bag order.

        Raises:
            BagError: A message cannot be read, or the number of messages differs from the index.
        """
        self._opened()
        reader = self._reader
        return self._read(topics, self._types.decode if reader is None else reader.deserialize)

    def serialized(self, *topics: str) -> Iterator[BagMessage]:
        """Yield messages like ``messages``, with ``message`` as undecoded CDR bytes.

        Raises:
            BagError: A message cannot be read, or the number of messages differs from the index.
        """
        return self._read(topics, None)

    def _read(
        self, topics: tuple[str, ...], decode: Callable[[bytes, str], Any] | None
    ) -> Iterator[BagMessage]:
        entries = [entry for entry in self._opened() if entry.topic in topics]
        if not entries:
            return
        expected, got = sum(entry.msgcount for entry in entries), 0
        try:
            wanted = {Topic(entry.topic, entry.msgtype) for entry in entries}
            for (topic, kind), stamp_ns, data in self._stored(wanted):
                got += 1
                message = data if decode is None else decode(data, kind)
                yield BagMessage(topic, stamp_ns, message)
            if got != expected:
                raise BagError(f"bag {self.path}: expected {expected} messages, got {got}")
        except BagError:
            raise
        except Exception as error:  # as in open
            raise self._damaged(error) from error

    def _stored(self, wanted: set[Topic]) -> Iterator[tuple[Topic, int, bytes]]:
        """Yield topic, bag time (ns) and CDR bytes of the messages of topics, in bag order."""
        _, files, by_message = self._checked
        reader = self._reader
        if reader is None or (files and not by_message and all(each.is_chunked for each in files)):
            for file in files:
                yield from file.messages(wanted)
            return
        found = [each for each in reader.connections if Topic(each.topic, each.msgtype) in wanted]
        for connection, stamp_ns, data in reader.messages(found):
            yield Topic(connection.topic, connection.msgtype), stamp_ns, bytes(data)

    def _opened(self) -> tuple[_TopicEntry, ...]:
        if self._entries is None:
            raise BagError(f"bag {self.path}: is not open")
        return self._entries

    def _damaged(self, error: Exception) -> BagError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return BagError(
            f"bag {self.path}: expected a complete rosbag2, got a damaged one: {reason}"
        )

    def __enter__(self) -> BagReader:
        """Open the bag, and return this reader."""
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the bag, also after an exception."""
        self.close()


@contextmanager
def _any_reader(folder: Path) -> Iterator[AnyReader]:
    """Open a bag with its own message definitions, or with those of ROS 2 Jazzy.

    ROS 2's definitions take longer to load than most bags, and an MCAP has its own.
    """
    # Imported here: bags of this package do not need it, and the import takes a while.
    from rosbags.highlevel import AnyReader, AnyReaderError

    reader = AnyReader([folder])
    try:
        reader.open()
    except AnyReaderError:
        reader = AnyReader([folder], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    with closing(reader):
        yield reader


def _own_entries(information: Mapping[str, Any]) -> tuple[_TopicEntry, ...]:
    """Return the topics from the checked description of a bag of this package."""
    found = []
    for entry in information["topics_with_message_count"]:
        topic = entry["topic_metadata"]
        durabilities = {str(each.get("durability")) for each in topic["offered_qos_profiles"]}
        is_latched = bool(durabilities & {"transient_local", _TRANSIENT_LOCAL})
        found.append(_TopicEntry(topic["name"], topic["type"], entry["message_count"], is_latched))
    return tuple(found)


def _other_entries(reader: AnyReader) -> tuple[_TopicEntry, ...]:
    return tuple(
        _TopicEntry(
            entry.topic,
            entry.msgtype,
            entry.msgcount,
            "transient_local" in str(getattr(entry.ext, "offered_qos_profiles", "")).lower(),
        )
        for entry in reader.connections
    )


def _missing(folder: Path) -> str:
    """Return the reason why ``metadata.yaml`` is missing, and the remedy."""
    if not folder.is_dir():
        return "a file" if folder.exists() else "no such folder"
    for suffix, command in ((".mcap", "ros2 run der_ros bags repair"), (SQLITE_SUFFIX, _REINDEX)):
        if any(folder.glob(f"*{suffix}")):
            return f"a folder without one; '{command} {folder}' writes it"
    return "a folder without one"


@contextmanager
def reading(bag: Path | str | BagReader) -> Iterator[BagReader]:
    """Open a bag by its path and close it afterwards, or pass on a reader that is already open.

    Opening verifies the whole bag, so functions that read one repeatedly share a reader.

    Raises:
        BagError: The bag does not exist, is incomplete or is damaged.
    """
    if isinstance(bag, BagReader):
        yield bag
        return
    with BagReader(bag) as reader:
        yield reader
