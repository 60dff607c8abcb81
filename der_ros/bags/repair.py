"""Repairs bags after a kill, a power cut or disk damage; all intact messages are kept."""

from __future__ import annotations

import mmap
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from der_ros.bags.integrity import check_bag, check_regular
from der_ros.bags.metadata import DESCRIPTION, REPAIRED, ROOT, describe_bag
from der_ros.bags.recorder import LOST_PREFIX, PART_SUFFIX, lost_count
from der_ros.bags.repaired_file import RepairedFile, write_repaired
from der_ros.documents import to_yaml
from der_ros.errors import BagError

_NUMBER = re.compile(r"(\d+)")
_OUT_SUFFIX = "_repaired"


class RepairReport(NamedTuple):
    """Result of a repair.

    Attributes:
        bag: Folder of the repaired bag, or of the given bag if it needed no repair.
        whole: True if the given bag needed no repair; nothing was written.
        messages: Number of messages in the repaired bag; 0 if ``whole``.
        damage: One sentence per part that could not be used.
        lost: Number of lost messages by topic, as far as the files still count them.
    """

    bag: Path
    whole: bool
    messages: int
    damage: tuple[str, ...]
    lost: dict[str, int]


def repair_bag(source: Path, out: Path | None = None, in_place: bool = False) -> RepairReport:
    """Write a complete bag with all intact messages of a damaged or unfinished one.

    Args:
        source: Folder of a rosbag2 bag, ``.part`` folder of a recording, or MCAP file.
        out: Folder of the new bag; by default ``NAME_repaired`` beside the source.
        in_place: Replace the source's files one by one instead; a ``.part`` folder is renamed to
            its bag.

    Raises:
        BagError: The bag cannot be repaired; the source is unchanged.
    """
    files, folder = _files(source)
    if folder is not None and _is_whole(folder):
        return RepairReport(folder, True, 0, (), {})
    if in_place and folder is None:
        raise BagError(f"bag {source}: expected a folder for --in-place, got a file")
    target = _target(source, out, in_place)
    work = target.with_name(f".{target.name}.repair")
    shutil.rmtree(work, ignore_errors=True)
    try:
        written = _write(files, work, source)
        check_bag(work)
        if in_place and folder is not None:
            _replace(folder, work, [each.name for each in written])
            _finish_part(source, folder, target)
        else:
            os.rename(work, target)
    except BagError:
        raise
    except (OSError, ValueError) as error:
        raise BagError(
            f"bag {source}: cannot be repaired into {target} ({error}); if the disk is full or "
            "read-only, choose another --out"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _report(target, written)


def _files(source: Path) -> tuple[list[Path], Path | None]:
    """Return a bag's MCAP files in order, and its folder; no folder for a single file.

    Raises:
        BagError: There are no MCAP files, or the bag is stored in another format.
    """
    if source.is_file() and source.suffix == ".mcap":
        return [source], None
    folder = source
    if source.suffix == PART_SUFFIX and source.is_dir():
        inner = source / source.name.removesuffix(PART_SUFFIX)
        folder = inner if inner.is_dir() else source
    if not folder.is_dir():
        raise BagError(f"bag {source}: expected a bag's folder or an MCAP file, there is none")
    files = sorted(folder.glob("*.mcap"), key=_natural)
    if not files:
        names = ", ".join(sorted(entry.name for entry in folder.iterdir())) or "nothing"
        raise BagError(
            f"bag {source}: expected MCAP files, got {names}; SQLite is repaired by "
            "'sqlite3 FILE .recover', and a compressed file has to be decompressed first"
        )
    return files, folder


def _natural(path: Path) -> list[Any]:
    """Return a sort key that puts ``bag_10`` after ``bag_9``."""
    return [int(word) if word.isdigit() else word for word in _NUMBER.split(path.name)]


def _is_whole(folder: Path) -> bool:
    try:
        check_bag(folder)
    except Exception:  # the parsers raise any type on damaged bytes
        return False
    return True


def _target(source: Path, out: Path | None, in_place: bool) -> Path:
    """Return the folder for the repaired bag.

    Raises:
        BagError: The folder already exists.
    """
    name = source.name.removesuffix(PART_SUFFIX).removesuffix(".mcap")
    plain = source.absolute().with_name(name)
    if in_place and plain == source.absolute():
        return plain
    target = plain if in_place else out or plain.with_name(name + _OUT_SUFFIX)
    if target.exists():
        raise BagError(f"bag {target}: expected a new name, this one exists")
    return target


def _write(files: Sequence[Path], work: Path, source: Path) -> list[RepairedFile]:
    """Write the repaired files and their description into a new folder."""
    work.mkdir(parents=True)
    written = []
    for path in files:
        with _mapped(path) as data:
            written.append(write_repaired(data, work / path.name))
    kept = [each for each in written if each.messages]
    if not kept:
        damage = "; ".join(text for each in written for text in each.damage) or "it is empty"
        raise BagError(f"bag {source}: expected at least one whole message, got none ({damage})")
    for each in written:
        if not each.messages:
            (work / each.name).unlink()
    _describe(work, kept, written)
    return written


@contextmanager
def _mapped(path: Path) -> Iterator[Any]:
    """Map a file into memory, read-only; an empty file yields ``b""``."""
    check_regular(path)
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _describe(work: Path, kept: Sequence[RepairedFile], written: Sequence[RepairedFile]) -> None:
    """Write ``metadata.yaml`` for all kept files."""
    custom = {key: text for each in written for key, text in each.custom.items()}
    for name, count in sum((each.lost for each in written), Counter[str]()).items():
        before = lost_count(custom.get(LOST_PREFIX + name, "")) or 0
        custom[LOST_PREFIX + name] = str(count + before)
    custom[REPAIRED] = "; ".join(_sentences(written)) or "its metadata.yaml was written anew"
    topics = {topic.name: topic for each in kept for topic in each.topics}
    hashes = {name: value for each in kept for name, value in each.hashes.items()}
    files = [each.summary for each in kept]
    information = describe_bag(files, list(topics.values()), hashes, custom)
    with (work / DESCRIPTION).open("x", encoding="utf-8") as file:
        file.write(to_yaml({ROOT: information}))
        file.flush()
        os.fsync(file.fileno())


def _sentences(written: Sequence[RepairedFile]) -> list[str]:
    return [f"{each.name}: {text}" for each in written for text in each.damage]


def _replace(folder: Path, work: Path, names: Sequence[str]) -> None:
    """Replace the old files by the new ones, each atomically.

    If this is interrupted, the bag is still damaged but can be repaired.
    """
    for name in (*names, DESCRIPTION):
        if (work / name).exists():
            os.replace(work / name, folder / name)
        else:
            (folder / name).unlink()


def _finish_part(source: Path, folder: Path, target: Path) -> None:
    """Rename a repaired ``.part`` folder to its bag's name."""
    if folder.absolute() != target:
        os.rename(folder, target)
        with suppress(OSError):  # the .part folder may hold other files
            source.rmdir()


def _report(target: Path, written: Sequence[RepairedFile]) -> RepairReport:
    lost = sum((each.lost for each in written), Counter[str]())
    messages = sum(each.messages for each in written)
    return RepairReport(target, False, messages, tuple(_sentences(written)), dict(lost))
