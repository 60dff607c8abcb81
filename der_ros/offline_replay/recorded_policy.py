"""Finds the policy file that acted in a bag by its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from der_ros.bags.bag_replay import PolicyInfo, read_policy_info
from der_ros.bags.reader import BagReader
from der_ros.errors import ConfigurationError
from der_ros.policy.checksum import file_hashes
from der_ros.policy.shipped import shipped_policies


def policy_of_bag(reader: BagReader) -> Path:
    """Return the policy file whose checksum is recorded in an open bag.

    Raises:
        ConfigurationError: The bag names no policy, or its file is not on this computer.
    """
    bag, info = reader.path, read_policy_info(reader)
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
    """Yield candidates: the recorded path, shipped policies, and ONNX files in or above the bag."""
    yield Path(info.path)
    yield from shipped_policies().values()
    folder = bag.resolve()
    for parent in (folder.parent.parent, folder.parent, folder):
        yield from sorted(parent.glob("*.onnx"))
