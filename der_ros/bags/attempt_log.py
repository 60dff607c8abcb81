"""The file ``attempts.jsonl``: one line of JSON per attempt, appended whatever the disk does."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from der_ros.documents import parse_json
from der_ros.errors import ConfigurationError
from der_ros.threads import JobThread

logger = logging.getLogger(__name__)

FILE_NAME = "attempts.jsonl"
PATIENCE_S = 2.0
_PROBE_BYTES = 4096


class Attempts(NamedTuple):
    """The content of ``attempts.jsonl``.

    Attributes:
        lines: one object per attempt, in order.
        broken: number of lines that are no JSON object, as a kill leaves one.
    """

    lines: list[dict[str, Any]]
    broken: int


def read_attempts(run_dir: Path) -> Attempts:
    """Read the attempts of a run; none where there is no file."""
    try:
        text = (run_dir / FILE_NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Attempts([], 0)
    lines, broken = [], 0
    for line in text.splitlines():
        try:
            value = parse_json(line, FILE_NAME, finite=False)
        except ConfigurationError:
            value = None
        if isinstance(value, dict):
            lines.append(value)
        else:
            broken += bool(line.strip())
    return Attempts(lines, broken)


def check_folder(folder: Path) -> None:
    """Make the folder and write a file of one block in it, which is removed.

    Raises:
        ConfigurationError: it cannot be made or written.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"parameter run_dir: expected a folder that can be written, got {folder}: {error}"
        ) from error


class AttemptLog:
    """Appends lines; what the disk does not take is kept and written with a later line.

    Args:
        run_dir: the folder of ``attempts.jsonl``; it is there.
        patience_s: how long a line waits for a disk that does not answer, s.

    Attributes:
        fault: why lines are missing in the file; empty while none are.
    """

    def __init__(self, run_dir: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = run_dir / FILE_NAME
        self.fault = ""
        self._patience_s = patience_s
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._disk = JobThread("attempts.jsonl")

    def append(self, line: str) -> None:
        """Write the line behind those that still wait; never fails, ``fault`` says what happened.

        Args:
            line: without its end.
        """
        with self._lock:
            self._pending.append(line)
        future = self._disk.submit(self._write)
        try:
            future.result(self._patience_s)
            self.fault = ""
        except FutureTimeoutError:  # an OSError, too, from Python 3.11 on
            self._keep(f"the disk has not answered for {self._patience_s:g} s")
        except OSError as error:
            self._keep(f"{error}")

    def _keep(self, reason: str) -> None:
        self.fault = f"{self.path}: {len(self._pending)} lines not written ({reason})"
        logger.error("%s; they are kept and written with the next", self.fault)

    def _write(self) -> None:
        """In the disk's thread: write all that waits, in one piece."""
        with self._lock:
            lines = list(self._pending)
        if not lines:
            return
        with self.path.open("a+b", buffering=0) as file:
            self._append(file, "".join(line + "\n" for line in lines).encode())
        with self._lock:
            del self._pending[: len(lines)]

    def _append(self, file: Any, data: bytes) -> None:
        """Write at the end of the file, behind a whole line.

        Raises:
            OSError: the disk did not take all; the file is as it was.
        """
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                logger.warning("%s: its last line was cut; it is kept as it is", self.path)
                data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise
