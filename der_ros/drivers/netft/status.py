"""The status word of a record, in words."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

_NET_BOX = {
    30: "CPU or RAM error",
    29: "digital board error",
    28: "analog board error",
    27: "serial link error",
    26: "program memory error",
    25: "halted by a configuration error",
    24: "settings error",
    23: "configuration and calibration do not match",
    17: "saturation or A/D error",
    16: "monitor condition latched",
    14: "watchdog reset",
    9: "gage excitation error (bit 9)",
    8: "gage excitation error (bit 8)",
    6: "supply error (bit 6)",
    5: "supply error (bit 5)",
    2: "temperature out of range",
}
_SUMMARY_BIT = 31
_LATCHED_ONLY = 0x8001_0000


class Severity(IntEnum):
    """How bad a status word is."""

    OK = 0
    WARNING = 1
    ERROR = 2


class StatusReport(NamedTuple):
    """A status word, decoded.

    Attributes:
        word: as it came.
        severity: an error means that the numbers of the record cannot be trusted.
        conditions: what the bits say.
    """

    word: int
    severity: Severity
    conditions: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log or a diagnostic."""
        return "OK" if self.word == 0 else f"{self.word:#010x}: {', '.join(self.conditions)}"


def decode_status(word: int, product: str = "") -> StatusReport:
    """Decodes a status word by the product that sent it.

    The Net Box's bits are known. The Axia has another table, so its bits are only numbered and
    each is taken as an error.

    Args:
        word: 32 bits.
        product: ``prodname`` of ``netftapi2.xml``.
    """
    if word == 0:
        return StatusReport(word, Severity.OK, ())
    axia = "axia" in product.lower()
    bits = [bit for bit in range(32) if word >> bit & 1]
    names = tuple(
        f"bit {bit}" if axia else _NET_BOX.get(bit, f"bit {bit}")
        for bit in bits
        if axia or bit != _SUMMARY_BIT
    )
    latched_only = word == _LATCHED_ONLY and not axia
    severity = Severity.WARNING if latched_only else Severity.ERROR
    return StatusReport(word, severity, names or ("error summary",))
