"""``bags info``: prints the contents of a bag and reports lost messages."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from der_ros.cli._tool import add_json_option
from der_ros.errors import BagError, printable

if TYPE_CHECKING:
    from der_ros.bags.bag_facts import BagFacts, TopicFacts


def add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command ``info`` to the command ``bags``."""
    text = "print what is inside a bag: topics, rates, gaps, lost messages, and notes"
    command = commands.add_parser("info", help=text, description=text)
    command.set_defaults(run=_info)
    command.add_argument("bag", type=Path, help="a bag's folder")
    command.add_argument(
        "--show", metavar="FILE", help="print a file that is stored in the bag, and nothing else"
    )
    add_json_option(command)


def _info(options: argparse.Namespace) -> int:
    # Imported here: `bags repair` needs no reader.
    from der_ros.bags.bag_facts import read_bag_facts

    if options.show is not None:
        sys.stdout.write(_stored(options.bag, options.show))
        return 0
    facts = read_bag_facts(options.bag)
    if options.json:
        topics = [topic._asdict() for topic in facts.topics]
        pauses = [pause._asdict() for pause in facts.pauses]
        lists = {"topics": topics, "pauses": pauses}
        print(json.dumps(facts._asdict() | {"bag": str(facts.bag), **lists}))
    else:
        print("\n".join(map(printable, _lines(facts))))
    return 0


def _stored(bag: Path, name: str) -> str:
    """Return the text of a file stored in a bag.

    Raises:
        BagError: The bag cannot be read, or does not hold the file.
    """
    from der_ros.bags.reader import BagReader

    with BagReader(bag) as reader:
        files = reader.attachments()
    if name not in files:
        raise BagError(
            f"bag {bag}: expected one of its files ({', '.join(files) or 'it has none'}), "
            f"got {name}"
        )
    return files[name].decode("utf-8", errors="replace")


def _lines(facts: BagFacts) -> list[str]:
    begun = datetime.fromtimestamp(1e-9 * facts.start_ns, timezone.utc)
    state = f"complete, {facts.lost} messages lost" if facts.lost else "complete"
    width = max((len(topic.name) for topic in facts.topics), default=0)
    return [
        f"{facts.bag}: {state}",
        f"    {begun:%Y-%m-%d %H:%M:%S} UTC, {facts.duration_s:.3f} s, "
        f"{facts.size_bytes / 1e6:.2f} MB in {', '.join(facts.files)}, "
        f"ROS 2 {facts.distribution or 'unknown'}",
        *(f"    {pause.in_words(facts.start_ns)}" for pause in facts.pauses),
        *(f"    {_topic_line(topic, width)}" for topic in facts.topics),
        *(f"    {name}: {text}" for name, text in facts.custom.items()),
        *(f"    file {name}, {size} bytes" for name, size in facts.attachments.items()),
    ]


def _topic_line(topic: TopicFacts, width: int) -> str:
    line = f"{topic.name:<{width}}  {topic.messages:>7}  {topic.rate_hz:>7.1f} Hz  "
    line += f"gap {topic.longest_gap_s:>6.3f} s  {topic.message_type}"
    return line + (f"  {topic.lost} lost" if topic.lost else "")
