"""What has been made so far, and from what."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

PACKAGE_PARTS = (
    "der_ros",
    "launch",
    "config",
    "models",
    "resource",
    "package.xml",
    "setup.py",
    "setup.cfg",
)


@dataclass
class State:
    """What an environment holds; what is missing or unfinished is empty.

    Attributes:
        folder: where it was made; environments do not survive a move.
        python: the Python that made it.
        level: the highest level of packages that is completely installed.
        lists: hash of each dependency list that was installed from.
        pending: what was being done when this was written; not empty after an interruption.
        stand_in: stamp of the stand-in for launch.
        package: stamp of the built package's sources.
        files: the sources that it was built from.
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
        """Return what ``path`` holds; an empty state if that is not to be understood."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file at once, so that no reader and no interruption sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=1))
        os.replace(temporary, path)


def hash_of(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources(root: Path, parts: Iterable[str] = PACKAGE_PARTS) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every source file of the package."""
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
    with contextlib.suppress(FileNotFoundError):  # an editor's file that is gone already
        status = os.stat(path)
        found[os.path.relpath(path, root)] = (status.st_size, status.st_mtime_ns)


def stamp(facts: object) -> str:
    """Return a short stamp that changes with ``facts``."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
