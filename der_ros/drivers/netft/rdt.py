"""RDT, the UDP protocol of the Net F/T box: requests, records (ATI manual 10) and status words.

Requests and records are big-endian and packed. Each family of boxes has its own table of status
words.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from der_ros.errors import ProtocolError

RDT_PORT = 49152
MAX_RECORDS_PER_PACKET = 40
"""Largest RDT buffer of the box, records."""

_HEADER = 0x1234
_REQUEST = struct.Struct(">HHI")
_RECORD = struct.Struct(">IIIiiiiii")
_HEAD = struct.Struct(">III")

REQUEST_BYTES = _REQUEST.size
RECORD_BYTES = _RECORD.size


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
# The manual does not count a simulated error as one, but it exists to test the reaction.
_AXIA_WARNINGS = frozenset({1 << 16, 1 << 3, 1 << 16 | 1 << 3})


class Command(IntEnum):
    """Commands of RDT; the box answers only to the start commands."""

    STOP = 0x0000
    START_SINGLE = 0x0001
    START_REALTIME = 0x0002
    START_BUFFERED = 0x0003
    RESET_LATCH = 0x0041
    BIAS = 0x0042


class Request(NamedTuple):
    """Request that a client sends to the box.

    Attributes:
        command: RDT command.
        sample_count: Number of records to send; 0 for a stream until stopped.
    """

    command: Command
    sample_count: int = 0


class RdtRecord(NamedTuple):
    """Sample of the box in counts.

    Attributes:
        rdt_sequence: Number of the record within its request, from 1; wraps at 2**32.
        ft_sequence: Internal sample counter of the box, 7000 per second.
        status: Status word; see ``decode_status``.
        fx: Force along x, counts.
        fy: Force along y, counts.
        fz: Force along z, counts.
        tx: Torque about x, counts.
        ty: Torque about y, counts.
        tz: Torque about z, counts.
    """

    rdt_sequence: int
    ft_sequence: int
    status: int
    fx: int
    fy: int
    fz: int
    tx: int
    ty: int
    tz: int


def encode_request(request: Request) -> bytes:
    """Encode a request to the box, 8 bytes.

    Raises:
        ProtocolError: The sample count does not fit into 32 bits.
    """
    try:
        return _REQUEST.pack(_HEADER, request.command, request.sample_count)
    except struct.error as error:
        raise ProtocolError(
            f"sample_count: expected 0 to 2**32 - 1, got {request.sample_count}"
        ) from error


def decode_request(data: bytes) -> Request:
    """Decode a request, as the box does.

    Raises:
        ProtocolError: Length, header or command is wrong.
    """
    if len(data) != REQUEST_BYTES:
        raise ProtocolError(f"RDT request: expected {REQUEST_BYTES} bytes, got {len(data)}")
    header, command, count = _REQUEST.unpack(data)
    if header != _HEADER:
        raise ProtocolError(f"RDT request: expected header 0x1234, got {header:#06x}")
    try:
        return Request(Command(command), count)
    except ValueError as error:
        raise ProtocolError(f"RDT request: unknown command {command:#06x}") from error


def encode_records(records: Iterable[RdtRecord]) -> bytes:
    """Encode records into one packet.

    Raises:
        ProtocolError: A number does not fit into 32 bits.
    """
    try:
        return b"".join([_RECORD.pack(*record) for record in records])
    except struct.error as error:
        raise ProtocolError(f"RDT record: expected numbers of 32 bits: {error}") from error


def record_offsets(packet: bytes) -> range:
    """Return the offset of each record in a packet, oldest first: 1, or up to 40 if buffered.

    Raises:
        ProtocolError: The length is not that of a whole number of records, 1 to 40.
    """
    length = len(packet)
    if length % RECORD_BYTES or not 0 < length <= MAX_RECORDS_PER_PACKET * RECORD_BYTES:
        raise ProtocolError(
            f"RDT packet: expected 1 to {MAX_RECORDS_PER_PACKET} records of {RECORD_BYTES} bytes, "
            f"got {length} bytes"
        )
    return range(0, length, RECORD_BYTES)


def peek(packet: bytes, offset: int) -> tuple[int, int, int]:
    """Return ``rdt_sequence``, ``ft_sequence`` and ``status`` of the record at ``offset``."""
    return _HEAD.unpack_from(packet, offset)


def decode_record(packet: bytes, offset: int = 0) -> RdtRecord:
    """Decode the record at ``offset``."""
    return RdtRecord._make(_RECORD.unpack_from(packet, offset))


class Severity(IntEnum):
    """Severity of a status word: ok, warning or error."""

    OK = 0
    WARNING = 1
    ERROR = 2


class StatusReport(NamedTuple):
    """Decoded status word of a record.

    Attributes:
        word: Status word as received.
        severity: Severity; with an error, the record's values cannot be trusted.
        conditions: One text per set bit.
    """

    word: int
    severity: Severity
    conditions: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line for a log or a diagnostic."""
        return "OK" if self.word == 0 else f"{self.word:#010x}: {', '.join(self.conditions)}"


@lru_cache(maxsize=256)
def decode_status(word: int, product: str = "") -> StatusReport:
    """Decode a status word with the table of the product that sent it.

    A word that is neither zero nor a known warning is an error, even if its bits are in no table.

    Args:
        word: Status word, 32 bits.
        product: ``prodname`` of ``netftapi2.xml``; products other than Axia are Net Boxes.
    """
    if word == 0:
        return StatusReport(word, Severity.OK, ())
    axia = "axia" in product.lower()
    table, warnings = (_AXIA, _AXIA_WARNINGS) if axia else (_NET_BOX, _NET_BOX_WARNINGS)
    bits = [bit for bit in range(31) if word >> bit & 1]
    names = tuple(table.get(bit, f"bit {bit}") for bit in bits)
    severity = Severity.WARNING if word in warnings else Severity.ERROR
    return StatusReport(word, severity, names or ("error summary",))
