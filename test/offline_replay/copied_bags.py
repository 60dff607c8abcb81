"""Copies of the recorded bags without a topic, or with changed messages."""

from pathlib import Path

from der_ros.bags.bag_copy import copy_bag
from der_ros.bags.reader import BagReader

ROOT = Path(__file__).resolve().parents[2]
BAGS = ROOT / "test" / "replay" / "bags"


def copied(tmp_path, name, *, without="", changes=None):
    """Copy a bag without the topic that ends in ``without``, or with changed messages."""
    source = BAGS / name
    with BagReader(source) as reader:
        names = list(reader.topics)
    kept = [each for each in names if not (without and each.endswith(without))]
    full = {
        each: change
        for each in names
        for end, change in (changes or {}).items()
        if each.endswith(end)
    }
    copy_bag(source, tmp_path / name, topics=kept, changes=full)
    return tmp_path / name
