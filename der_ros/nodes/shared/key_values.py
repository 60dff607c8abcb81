"""Conversion of records to and from ``diagnostic_msgs/DiagnosticStatus``.

Values become text: floats by ``str`` (exact when read back), booleans as ``true`` and ``false``,
lists separated by spaces, None as empty text. Nested records get dotted keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


def to_status(
    name: str, values: Mapping[str, object], message: str = "", level: int = 0
) -> DiagnosticStatus:
    """Return a status named ``name`` with one key-value pair per value, in order."""
    pairs = [KeyValue(key=key, value=value) for key, value in flattened(values)]
    return DiagnosticStatus(level=bytes([level]), name=name, message=message, values=pairs)


def from_status(status: DiagnosticStatus) -> dict[str, str]:
    """Return the values of a status by key; for a repeated key, the last value."""
    return {pair.key: pair.value for pair in status.values}


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key and its value as text; nested keys are joined by dots."""
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
