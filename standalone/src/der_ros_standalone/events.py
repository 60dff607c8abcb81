"""Events of a launch: its shutdown, and the start and exit of each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Event:
    """Base class of the events of a launch."""


@dataclass(frozen=True)
class Shutdown(Event):
    """Request to shut the launch down."""

    reason: str = "reason not given"
    due_to_sigint: bool = False


@dataclass(frozen=True)
class ProcessEvent(Event):
    """Base class of the events about one process.

    Attributes:
        action: The `ExecuteProcess` action that started the process.
        process_name: Name of the process in the launch, such as ``talker-1``.
        cmd: Command line.
        cwd: Working directory; None if it is that of the launch.
        env: Environment variables.
        pid: Process id.
    """

    action: Any
    process_name: str
    cmd: list[str]
    cwd: str | None
    env: dict[str, str] | None
    pid: int


@dataclass(frozen=True)
class ProcessStarted(ProcessEvent):
    """Event emitted when a process has started."""


@dataclass(frozen=True)
class ProcessExited(ProcessEvent):
    """Event emitted when a process has exited.

    Attributes:
        returncode: Exit status; minus the signal's number if a signal ended the process.
    """

    returncode: int = 0
