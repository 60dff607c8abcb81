"""Checks the files of bags that rosbag2 stores in SQLite, as Humble does."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from der_ros.bags.bounded import check_message
from der_ros.errors import BagError

SUFFIX = ".db3"
_UNFINISHED = ("-wal", "-journal")
_COUNTS = (
    "SELECT topics.name, count(messages.id) FROM topics "
    "LEFT JOIN messages ON topics.id == messages.topic_id GROUP BY topics.id"
)


def check_sqlite_file(path: Path, by_message: bool = False) -> Counter[str]:
    """Check the pages of an SQLite file, and return its number of messages by topic.

    SQLite has no checksums, so a changed byte within a message is not detected.

    Args:
        path: File of the bag.
        by_message: Each message is compressed with zstd, and is checked to have a bounded content.

    Raises:
        BagError: The file is damaged, or its recorder was killed; the message says what to do.
    """
    for suffix in _UNFINISHED:
        rest = path.with_name(path.name + suffix)
        if rest.is_file() and rest.stat().st_size:
            raise BagError(
                f"its recording was not completed, {rest.name} is there; 'sqlite3 {path} vacuum' "
                f"and then 'ros2 bag reindex {path.parent}' complete it"
            )
    try:
        return _counts(path, by_message)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise BagError(
            f"{path.name} cannot be read ({error}); 'sqlite3 {path} .recover' gives what is whole"
        ) from error


def _counts(path: Path, by_message: bool) -> Counter[str]:
    where = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(where, uri=True)) as database:
        _refuse_computed(database)
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        counts: Counter[str] = Counter()
        for name, count in database.execute(_COUNTS):
            counts[str(name)] += int(count)
        if by_message:
            for (data,) in database.execute("SELECT data FROM messages"):
                check_message(data)
        return +counts


def _refuse_computed(database: sqlite3.Connection) -> None:
    """Refuse content that is computed when it is read, and may never end.

    Raises:
        BagError: The file has a view, a trigger, a virtual table or a generated column.
    """
    for kind, name, text in database.execute("SELECT type, name, sql FROM sqlite_master"):
        virtual = str(text).upper().lstrip().startswith("CREATE VIRTUAL")
        if kind not in ("table", "index") or virtual:
            raise BagError(f"expected plain tables, got the {kind} {str(name)[:40]!r}")
    hidden = "SELECT m.name FROM sqlite_master m, pragma_table_xinfo(m.name) x WHERE x.hidden != 0"
    for (name,) in database.execute(hidden):
        raise BagError(f"expected plain tables, got {str(name)[:40]!r} with a computed column")
