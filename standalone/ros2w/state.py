"""State of an environment, kept in a file: installed packages, the build, and their sources."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ros2w.project import SOURCES


@dataclass
class State:
    """Content of an environment; an attribute is empty if its part is missing or unfinished.

    Attributes:
        folder: Folder it was created in; a moved environment does not work.
        python: Path of the Python that created it.
        level: Highest requirement level that is completely installed.
        lists: Hash of each installed requirement list, by name.
        pending: Step in progress when this was written; not empty after an interruption.
        stand_in: Stamp of the installed stand-in for launch.
        package: Stamp of the sources that the build was made from.
        files: Paths of those sources.
    """

    folder: str = ""
    python: str = ""
    level: str = ""
    lists: dict[str, str] = field(default_factory=dict)
    pending: str = ""
    stand_in: str = ""
    package: str = ""
    files: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "State":
        """Return the state in ``path``; an empty state if the file is missing or not valid."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file in one step, so that it is never seen half written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=1))
        os.replace(temporary, path)


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources(root: Path, parts: Iterable[str] = SOURCES) -> dict[str, tuple[int, int]]:
    """Return the size and modification time (ns) of every source file, by relative path."""
    found: dict[str, tuple[int, int]] = {}
    folders = []
    for part in parts:
        path = root / part
        if path.is_dir():
            folders.append(str(path))
        elif path.is_file():
            _add(found, root, str(path))
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    _add(found, root, entry.path)
    return found


def _add(found: dict[str, tuple[int, int]], root: Path, path: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # a temporary file of an editor
        status = os.stat(path)
        found[os.path.relpath(path, root)] = (status.st_size, status.st_mtime_ns)


def stamp(facts: object) -> str:
    """Return a stamp of 16 hexadecimal digits that changes with ``facts``."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
