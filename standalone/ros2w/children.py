"""Runs the tools that do the work: their output goes to a log, and they end when we do."""

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


def run_logged(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    listener: Callable[[str], None] = lambda line: None,
) -> bool:
    """Run a command with its output in ``log``, and return whether it succeeded."""
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
            # The whole group: pip has compilers and other pips at work.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            clear()


def _end_with_parent() -> None:
    """Have the kernel end this process with ours: a killed set-up leaves nothing running."""
    with suppress(OSError, AttributeError):  # not Linux: then it ends by itself
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time do the block for this folder.

    The lock is the kernel's, on the folder itself: a process that dies leaves none behind.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ros2w is preparing this folder; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_environment(folder: Path, mark: Path) -> None:
    """Remove an environment, its mark last, so that a half-removed one is known as ours."""
    for path in folder.iterdir():
        if path != mark:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    shutil.rmtree(folder)
