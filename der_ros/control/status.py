"""The state of a node or a part of it, as the diagnostics show it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """Levels of ``diagnostic_msgs/DiagnosticStatus`` (REP-107)."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class Status(NamedTuple):
    """One diagnostic status: its subject, its level, a message and the values behind it."""

    name: str
    level: Level
    message: str
    values: Mapping[str, object]
