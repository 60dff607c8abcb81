"""The file ``attempts.jsonl``: one JSON object per attempt, kept in memory while the disk fails."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from der_ros.documents import parse_json, read_bytes
from der_ros.errors import ConfigurationError
from der_ros.threads import JobThread

logger = logging.getLogger(__name__)

FILE_NAME = "attempts.jsonl"
PATIENCE_S = 2.0
_PROBE_BYTES = 4096
_MAX_BYTES = 2**30


class Attempts(NamedTuple):
    """The content of ``attempts.jsonl``.

    Attributes:
        lines: One object per attempt, in file order.
        broken: Number of lines that are not JSON objects, such as one cut off by a kill.
    """

    lines: list[dict[str, Any]]
    broken: int


def read_attempts(run_dir: Path) -> Attempts:
    """Read all attempts of a run; without a readable ``attempts.jsonl`` the result is empty."""
    path = run_dir / FILE_NAME
    try:
        text = read_bytes(path, _MAX_BYTES).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return Attempts([], 0)
    except (OSError, ConfigurationError) as error:
        logger.warning("%s cannot be read (%s)", path, error)
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


def check_folder(folder: Path, name: str = "parameter run_dir") -> None:
    """Create a folder if needed and check that it is writable by writing a 4096-byte probe file.

    Args:
        folder: The folder.
        name: Name of the setting, for the error.

    Raises:
        ConfigurationError: The folder cannot be created or written.
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
            f"{name}: expected a folder that can be written, got {folder}: {error}"
        ) from error


class AttemptLog:
    """Appends lines to ``attempts.jsonl``; lines that the disk refuses are retried with the next.

    Args:
        run_dir: Existing folder for ``attempts.jsonl``.
        patience_s: Longest wait for the disk per line, s.

    Attributes:
        fault: Reason why lines are missing from the file; empty if none are.
    """

    def __init__(self, run_dir: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = run_dir / FILE_NAME
        self.fault = ""
        self._patience_s = patience_s
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._disk = JobThread("attempts.jsonl")

    def append(self, line: str) -> None:
        """Write pending lines and this one; never raises, a failure is reported in ``fault``.

        Args:
            line: Text without its line end.
        """
        with self._lock:
            self._pending.append(line)
        self._try()

    def flush(self) -> list[str]:
        """Try once more to write pending lines; return those that are not written."""
        if self.fault:
            self._try()
        with self._lock:
            return list(self._pending) if self.fault else []

    def _try(self) -> None:
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
        logger.error("%s; they will be written with the next line", self.fault)

    def _write(self) -> None:
        """Write all pending lines at once; runs in the disk thread."""
        with self._lock:
            lines = list(self._pending)
        if not lines:
            return
        with self.path.open("a+b", buffering=0) as file:
            self._append(file, "".join(line + "\n" for line in lines).encode())
        with self._lock:
            del self._pending[: len(lines)]

    def _append(self, file: Any, data: bytes) -> None:
        """Append data to the file, on a new line if the last one was cut off.

        Raises:
            OSError: The disk did not take all data; the file is restored to its former size.
        """
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                logger.warning(
                    "%s: its last line is incomplete and stays; the next begins on a new line",
                    self.path,
                )
                data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise
