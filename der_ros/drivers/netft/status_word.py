"""The status word of a record, in words; each family of boxes has a table of its own."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

# ATI manual 9620-05-NET FT, "System Status Code".
_NET_BOX = {
    30: "CPU or RAM error",
    29: "digital board error",
    28: "analog board error",
    27: "serial link error",
    26: "program memory error",
    25: "halted by a configuration error",
    24: "settings error",
    23: "configuration and calibration do not match",
    22: "network communication error",
    21: "CAN communication error",
    20: "RDT communication error",
    19: "EtherNet/IP error",
    18: "DeviceNet error",
    17: "saturation or A/D error",
    16: "monitor condition latched",
    14: "watchdog reset",
    13: "stack error",
    12: "EEPROM error",
    11: "serial flash error",
    10: "analog board watchdog reset",
    9: "gage excitation too high",
    8: "gage excitation too low",
    7: "artificial analog ground out of range",
    6: "supply voltage too high",
    5: "supply voltage too low",
    4: "serial link has no data",
    3: "reference voltage error",
    2: "temperature out of range",
    1: "HTTP error",
}
_NET_BOX_WARNINGS = frozenset({0x8001_0000})

# ATI manuals 9610-05-Ethernet Axia (revision 09, table 4.7) and 9620-05-C-Ethernet Axia (revision
# 02, table 5.7). Its summary bit is set with every bit that the manual calls an error.
_AXIA = {
    30: "force or torque out of range",
    29: "calibration checksum error",
    28: "simulated error",
    27: "gage out of range",
    16: "monitor condition latched",
    7: "calibration not accessible",
    5: "other error",
    3: "busy: a setting is being changed",
    2: "broken gage",
    1: "supply voltage out of range",
    0: "temperature out of range",
}
# A simulated error is none for the manual, but it is there to see errors handled.
_AXIA_WARNINGS = frozenset({1 << 16, 1 << 3, 1 << 16 | 1 << 3})


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


@lru_cache(maxsize=256)
def decode_status(word: int, product: str = "") -> StatusReport:
    """Decodes a status word by the product that sent it.

    A word that is neither zero nor known to be a mere warning is an error, also where its bits are
    in no table.

    Args:
        word: 32 bits.
        product: ``prodname`` of ``netftapi2.xml``; what is no Axia is read as a Net Box.
    """
    if word == 0:
        return StatusReport(word, Severity.OK, ())
    axia = "axia" in product.lower()
    table, warnings = (_AXIA, _AXIA_WARNINGS) if axia else (_NET_BOX, _NET_BOX_WARNINGS)
    bits = [bit for bit in range(31) if word >> bit & 1]
    names = tuple(table.get(bit, f"bit {bit}") for bit in bits)
    severity = Severity.WARNING if word in warnings else Severity.ERROR
    return StatusReport(word, severity, names or ("error summary",))
