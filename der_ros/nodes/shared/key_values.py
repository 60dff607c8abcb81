"""Records as ``diagnostic_msgs/DiagnosticStatus``: names and values that any ROS tool shows.

A value is text: floats as Python writes them (they read back exactly), booleans as ``true`` and
``false``, lists separated by blanks, nested records under dotted names, None as an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


def to_status(
    name: str, values: Mapping[str, object], message: str = "", level: int = 0
) -> DiagnosticStatus:
    """Return a status of ``name`` with one key for each value, in order."""
    pairs = [KeyValue(key=key, value=value) for key, value in flattened(values)]
    return DiagnosticStatus(level=bytes([level]), name=name, message=message, values=pairs)


def from_status(status: DiagnosticStatus) -> dict[str, str]:
    """Return the values of a status by their keys; the last one of a repeated key."""
    return {pair.key: pair.value for pair in status.values}


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key, nested ones with dots, and its value as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(_text(item) for item in value)
    return str(value)
