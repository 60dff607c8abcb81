"""Child processes: each in its own process group, read line by line, ended without orphans."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from der_ros_standalone.guard import is_alive

LEFT_BEHIND_GRACE_S = 1.0
LAST_WORDS_S = 0.5
LONGEST_LINE_BYTES = 1 << 20
"""Longest part of a line that is kept while its end has not arrived, bytes."""


class Guard:
    """Connection to the guard process, which outlives a killed launch."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._files: list[str] = []

    def start(self) -> None:
        """Start the guard process, if it does not run yet.

        Raises:
            OSError: The guard cannot be started.
        """
        if self._process is None:
            script = Path(__file__).with_name("guard.py")
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )

    def watch(self, group: int) -> None:
        """End process group ``group`` if this process is killed."""
        self._tell(f"+{group}")
        while self._files:
            self._tell(f"={self._files.pop()}")

    def watch_file(self, path: str) -> None:
        """Remove a temporary file if this process is killed, from the next ``watch`` on."""
        self._files.append(path)

    def forget(self, group: int) -> None:
        """Stop watching process group ``group``, which has ended."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """Close the guard's input, and wait at most 5 s until the guard has ended."""
        if self._process is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=5.0)

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


GUARD = Guard()


class LineReader:
    """Reader that passes each line of a file descriptor to ``sink`` and closes it at its end.

    A line longer than `LONGEST_LINE_BYTES` is passed on in parts.
    """

    def __init__(self, descriptor: int, sink: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._sink = sink
        self._rest = b""
        self._ended = asyncio.Event()
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a closed terminal raises an error instead of an end of file
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._sink(line.decode(errors="replace"))
        if len(self._rest) > LONGEST_LINE_BYTES:
            self._flush()
        if not data:
            self._close()

    def _flush(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._sink(rest.decode(errors="replace"))

    def _close(self) -> None:
        if self._ended.is_set():
            return
        self._flush()
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._ended.set()

    async def finish(self) -> None:
        """Read the remaining lines; wait at most `LAST_WORDS_S` s for the other end to close.

        A grandchild may keep the other end open.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), LAST_WORDS_S)
        self._close()


def _channel(terminal: bool) -> tuple[int, int]:
    """Return the reading and the writing file descriptor of a pipe or a terminal."""
    if not terminal:
        return os.pipe()
    reading, writing = os.openpty()
    settings = termios.tcgetattr(writing)
    settings[1] &= ~termios.OPOST  # no conversion of line ends
    termios.tcsetattr(writing, termios.TCSANOW, settings)
    return reading, writing


class Child:
    """Running process, leader of its own process group."""

    def __init__(self, process: asyncio.subprocess.Process, readers: list[LineReader]) -> None:
        self._process = process
        self._readers = readers
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        cmd: list[str],
        *,
        cwd: str | None,
        env: dict[str, str],
        terminal: bool,
        sinks: tuple[Callable[[str], None], Callable[[str], None]],
    ) -> Child:
        """Start a process.

        Args:
            cmd: Command line.
            cwd: Working directory; None for the current one.
            env: Environment variables.
            terminal: Connect standard output and error to terminals instead of pipes.
            sinks: Functions that get each line of standard output and of standard error.

        Raises:
            OSError: The process or its guard cannot be started.
        """
        # The guard first: a process that runs must not be left without one.
        GUARD.start()
        channels = [_channel(terminal), _channel(terminal)]
        try:
            process = await asyncio.create_subprocess_exec(
                *cmd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=channels[0][1],
                stderr=channels[1][1],
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        except BaseException:
            for reading, _ in channels:
                os.close(reading)
            raise
        finally:
            for _, writing in channels:
                os.close(writing)
        GUARD.watch(process.pid)
        readers = [
            LineReader(channel[0], sink) for channel, sink in zip(channels, sinks, strict=True)
        ]
        return cls(process, readers)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; SIGKILL goes to its whole group."""
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait until the process and its whole group have ended; return the exit status."""
        returncode = await self._process.wait()
        await self._end_group()
        for reader in self._readers:
            await reader.finish()
        GUARD.forget(self.pid)
        return returncode

    async def _end_group(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not is_alive(self.pid):
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
            deadline = asyncio.get_running_loop().time() + LEFT_BEHIND_GRACE_S
            while is_alive(self.pid) and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.02)
