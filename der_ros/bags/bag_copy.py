"""Copies a bag, limited to topics or a time range, with messages optionally changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeAlias

from der_ros.bags.pauses import PAUSED, paused_ns, pauses_to_text
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic

Change: TypeAlias = Callable[[bytes], bytes]
_END_NS = 2**63 - 1


def copy_bag(
    source: Path,
    target: Path,
    *,
    topics: Collection[str] | None = None,
    whole: Collection[str] = (),
    begin_ns: int = 0,
    end_ns: int = _END_NS,
    changes: Mapping[str, Change] | None = None,
) -> int:
    """Write a zstd-compressed copy of a bag and return its number of messages.

    Args:
        source: Folder of a rosbag2 bag.
        target: Folder to create.
        topics: Full names of the topics to keep; None keeps all.
        whole: Full names of topics that ignore the time range.
        begin_ns: Earliest bag time to keep, ns since the epoch.
        end_ns: Latest bag time to keep (inclusive), ns since the epoch.
        changes: Function from CDR bytes to CDR bytes, by full topic name.

    Raises:
        BagError: The source cannot be read, or the target cannot be written; it is removed then.
    """
    with BagReader(source) as reader:
        kinds = reader.types
        kept = [name for name in kinds if topics is None or name in topics]
        recorded = [RecordedTopic(name, kinds[name], name in reader.latched) for name in kept]
        stored = reader.attachments()
        pauses = [pause for pause in reader.pauses() if paused_ns([pause], begin_ns, end_ns)]
        with BagWriter(
            target, recorded, compressed=True, attachments=stored, keeps_incomplete=False
        ) as writer:
            if pauses:
                writer.custom[PAUSED] = pauses_to_text(pauses)
            for topic, stamp_ns, data in reader.serialized(*kept):
                if topic not in whole and not begin_ns <= stamp_ns <= end_ns:
                    continue
                change = (changes or {}).get(topic)
                writer.write(topic, data if change is None else change(data), stamp_ns)
            return writer.messages
