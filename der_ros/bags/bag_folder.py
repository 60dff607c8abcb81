"""The ``bags`` folder of a run: naming, free-space check and retention."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from der_ros.bags.attempt_log import read_attempts
from der_ros.bags.mcap_file import FileLimits
from der_ros.bags.metadata import RecordedTopic
from der_ros.bags.recorder import PART_SUFFIX, BagWriter
from der_ros.errors import BagError

logger = logging.getLogger(__name__)

_ATTEMPT, SNAPSHOT = "attempt_", "snapshot_"
_PREFIXES = (_ATTEMPT, SNAPSHOT)
# Order of removal: successes first, then unknown outcomes, faults last.
_SUCCESS, _OTHER, _FAULT = range(3)
# Bags changed within the same second are ordered by number.
_SAME_AGE_NS = 10**9
_RANKS = {"success": _SUCCESS, "fault": _FAULT}


class Retention(NamedTuple):
    """Limits on the number and size of kept bags, and on free disk space.

    Attributes:
        bags: Largest number of bags; 0 keeps all.
        size_bytes: Largest total size of the bags; 0 is unlimited.
        free_bytes: Free disk space required to begin a bag.
    """

    bags: int = 0
    size_bytes: int = 0
    free_bytes: int = 0


class BagForm(NamedTuple):
    """Format of new bags.

    Attributes:
        compressed: Compress each chunk with zstd.
        attachments: Content of the files to attach to each bag, by name.
        limits: Limits beyond which a bag continues in a new file.
    """

    compressed: bool = False
    attachments: Mapping[str, bytes] = MappingProxyType({})
    limits: FileLimits = FileLimits()


_PLAIN = BagForm()


class _Bag(NamedTuple):
    rank: int
    changed_ns: int
    number: int
    path: Path
    size: int


class BagFolder:
    """The ``bags`` folder of a run; every method may block on the disk.

    Args:
        run_dir: Folder of the run, which holds ``attempts.jsonl``.
        retention: Limits on the kept bags and the free space.
        form: Format of new bags.
    """

    def __init__(self, run_dir: Path, retention: Retention, form: BagForm = _PLAIN) -> None:
        self._run_dir, self._folder = run_dir, run_dir / "bags"
        self._retention, self._form = retention, form

    def begin(self, topics: Sequence[RecordedTopic], prefix: str = _ATTEMPT) -> BagWriter:
        """Open the next bag of an attempt, or the next snapshot with ``SNAPSHOT`` as prefix.

        Raises:
            BagError: The folder cannot be written, or too little disk space is free.
        """
        path = self._next_path(prefix)
        self._refuse_a_full_disk(path)
        writer = BagWriter(path, topics, **self._form._asdict())
        writer.open()
        return writer

    def _next_path(self, prefix: str) -> Path:
        """Return the name after the highest number in use, complete bag or ``.part``."""
        last = max((_number(entry) for entry in self._folder.glob(f"{prefix}*")), default=0)
        return (self._folder / f"{prefix}{last + 1:04d}").resolve()

    def _refuse_a_full_disk(self, path: Path) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise BagError(f"bag {path}: cannot be made ({error})") from error
        wanted = self._retention.free_bytes
        if free < wanted:
            raise BagError(
                f"bag {path}: expected {wanted / 1e6:.0f} MB free on its disk (min_free_mb), "
                f"got {free / 1e6:.1f} MB; remove files that are not needed"
            )

    def prune(self) -> None:
        """Remove bags beyond the limits: oldest successes first, faults and snapshots last.

        The newest attempt and the newest snapshot stay, as they may still be recording.
        """
        bags = sorted(self._bags())
        newest = {
            max((bag for bag in bags if bag.path.name.startswith(prefix)), key=_by_number)
            for prefix in _PREFIXES
            if any(bag.path.name.startswith(prefix) for bag in bags)
        }
        count, size = len(bags), sum(bag.size for bag in bags)
        for bag in bags:
            too_many = self._retention.bags and count > self._retention.bags
            too_large = self._retention.size_bytes and size > self._retention.size_bytes
            if bag not in newest and (too_many or too_large):
                shutil.rmtree(bag.path)
                logger.info("removed %s: keep_bags or keep_gb was exceeded", bag.path)
                count, size = count - 1, size - bag.size

    def _bags(self) -> list[_Bag]:
        outcomes = {
            Path(str(line.get("bag", ""))).name: line.get("outcome")
            for line in read_attempts(self._run_dir).lines
        }
        return [
            _Bag(
                _rank(entry, outcomes.get(entry.name)),
                entry.stat().st_mtime_ns // _SAME_AGE_NS,
                _number(entry),
                entry,
                sum(file.lstat().st_size for file in entry.rglob("*")),
            )
            for prefix in _PREFIXES
            for entry in self._folder.glob(f"{prefix}*")
            if _number(entry) and entry.is_dir() and not entry.is_symlink()
        ]


def _rank(entry: Path, outcome: object) -> int:
    """Return the removal rank of a bag; a snapshot ranks as a fault, since it explains one."""
    if entry.name.startswith(SNAPSHOT):
        return _FAULT
    return _RANKS.get(str(outcome), _OTHER)


def _by_number(bag: _Bag) -> int:
    return bag.number


def _number(entry: Path) -> int:
    """Return the number in a bag's name; 0 if it has none."""
    text = entry.name.removesuffix(PART_SUFFIX)
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return int(text) if text.isascii() and text.isdecimal() else 0
