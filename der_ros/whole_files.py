"""Writes files as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; it replaces ``path`` after the block.

    An existing file keeps its mode, and a link its name. If the block or the disk fails, the
    temporary file is removed, and a file that was there before is unchanged. The name of the
    temporary file ends in ``.part``. A device or pipe, such as /dev/stdout, is written directly.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        yield path
        return
    target = path.resolve()
    handle, name = _beside(target)
    part = Path(name)
    try:
        os.close(handle)
        yield part
        sync(part)
        part.chmod(target.stat().st_mode & 0o777 if target.exists() else _mode_of_new_files())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text, as UTF-8, or bytes to ``path`` as a whole or not at all.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole_file(path) as part:
        part.write_bytes(data)


def _beside(target: Path) -> tuple[int, str]:
    """Create a hidden file beside ``target``; return its descriptor and name.

    Raises:
        OSError: It cannot be created; the error names ``target``.
    """
    try:
        return tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}-", suffix=".part")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error


def sync(path: Path) -> None:
    """Write a file's content to the disk, which may refuse only now, or a folder's renames."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode_of_new_files() -> int:
    """Return the mode that this process gives to new files."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
