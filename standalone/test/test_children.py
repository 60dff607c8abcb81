"""Guard of the launched processes, and the reader of their lines."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from der_ros_standalone import children, guard
from der_ros_standalone.children import Child, Guard, LineReader
from der_ros_standalone.commands.node_executable import run_executable
from der_ros_standalone.errors import LaunchError


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_group_that_cannot_be_ended_spares_no_other(monkeypatch, error):
    """The guard of a killed launch must end each robot node, also after a failed signal."""
    signalled = []

    def killpg(group, number):
        if group == 1111:
            raise error
        signalled.append((group, number))

    monkeypatch.setattr(guard.os, "killpg", killpg)
    monkeypatch.setattr(guard, "is_alive", lambda group: False)
    guard.end({1111, 2222})
    assert signalled == [(2222, signal.SIGINT)]


def test_a_slow_guard_hides_no_other_error():
    class Slow:
        stdin = None

        def communicate(self, timeout):
            raise subprocess.TimeoutExpired("guard", timeout)

    slow = Guard()
    slow._process = Slow()
    slow.close()


def test_nothing_is_started_without_a_guard(monkeypatch, tmp_path):
    def refuse(*_arguments, **_options):
        raise OSError("no more processes")

    monkeypatch.setattr(children, "GUARD", Guard())
    monkeypatch.setattr(children.subprocess, "Popen", refuse)
    started = tmp_path / "started"
    command = [sys.executable, "-c", f"open({str(started)!r}, 'w')"]

    async def start():
        await Child.start(command, cwd=None, env={}, terminal=False, sinks=(print, print))

    with pytest.raises(OSError, match="no more processes"):
        asyncio.run(start())
    assert not started.exists()


def test_an_endless_line_is_passed_on_in_parts(monkeypatch):
    monkeypatch.setattr(children, "LONGEST_LINE_BYTES", 100)
    parts = []

    async def read():
        reading, writing = os.pipe()
        reader = LineReader(reading, parts.append)
        os.write(writing, b"x" * 150)
        while not parts:
            await asyncio.sleep(0)
        os.write(writing, b"y\nz")
        os.close(writing)
        await reader.finish()

    asyncio.run(read())
    assert parts == ["x" * 150, "y", "z"]


def test_a_file_that_is_no_program_is_named(workspace, monkeypatch):
    workspace.add_executable("broken", "")
    (workspace.lib / "broken").write_bytes(b"\x00 no program")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(workspace.prefix))
    with pytest.raises(LaunchError, match="broken cannot be run: "):
        run_executable(["demo", "broken"])
