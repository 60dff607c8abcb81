"""Diagnostic status of a node or of a part of it."""

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
    """Diagnostic status: subject, level, message and values."""

    name: str
    level: Level
    message: str
    values: Mapping[str, object]
