"""Child processes of the wrapper: pip, venv and colcon, with their output in a log file."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ros2w.report import clear, say

PR_SET_PDEATHSIG = 1
# Loaded before a fork: in the child, a lock that another thread held is never released.
LIBC = ctypes.CDLL(None)


def run_logged(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    listener: Callable[[str], None] = lambda line: None,
) -> bool:
    """Run a command with its output in ``log``; return True if it succeeded.

    Args:
        command: Command line.
        log: File for the output, replaced.
        cwd: Working directory.
        environment: Environment variables.
        listener: Called with each line of output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent,
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                file.write(line)
                listener(line)
            return process.wait() == 0
        except BaseException:
            # The whole group: pip starts compilers and further pips.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            clear()


def _end_with_parent() -> None:
    """Let the kernel end this process when ours ends, so that a killed setup leaves none."""
    with suppress(AttributeError):  # not Linux
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``folder`` for the block.

    The kernel holds the lock, on the folder itself, and releases it if the process dies.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ros2w is preparing this folder; waiting until it has finished")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_environment(folder: Path, mark: Path) -> None:
    """Remove an environment, its mark last.

    If this is interrupted, the rest still carries the mark and is recognized as ours.
    """
    for path in folder.iterdir():
        if path != mark:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    shutil.rmtree(folder)
