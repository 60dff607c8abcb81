"""RDT, the Net F/T box's UDP protocol: big-endian, packed requests and records (ATI manual 10)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from der_ros.errors import ProtocolError

RDT_PORT = 49152
MAX_RECORDS_PER_PACKET = 40
"""The box's largest RDT buffer."""

_HEADER = 0x1234
_REQUEST = struct.Struct(">HHI")
_RECORD = struct.Struct(">IIIiiiiii")
_HEAD = struct.Struct(">III")

REQUEST_BYTES = _REQUEST.size
RECORD_BYTES = _RECORD.size


class Command(IntEnum):
    """What can be asked of the box; none but the start commands is answered."""

    STOP = 0x0000
    START_SINGLE = 0x0001
    START_REALTIME = 0x0002
    START_BUFFERED = 0x0003
    RESET_LATCH = 0x0041
    BIAS = 0x0042


class Request(NamedTuple):
    """One request.

    Attributes:
        command: what to do.
        sample_count: records to send; 0 means until stopped.
    """

    command: Command
    sample_count: int = 0


class RdtRecord(NamedTuple):
    """One sample, in counts.

    Attributes:
        rdt_sequence: counts the records of one request from 1; wraps at 2**32.
        ft_sequence: the box's own sample counter, 7000 a second.
        status: the status word, see ``status``.
        fx: force in counts, as are the next two.
        fy: see ``fx``.
        fz: see ``fx``.
        tx: torque in counts, as are the next two.
        ty: see ``tx``.
        tz: see ``tx``.
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
    """The request's 8 bytes.

    Raises:
        ProtocolError: the sample count does not fit 32 bits.
    """
    try:
        return _REQUEST.pack(_HEADER, request.command, request.sample_count)
    except struct.error as error:
        raise ProtocolError(
            f"sample_count: expected 0 to 2**32 - 1, got {request.sample_count}"
        ) from error


def decode_request(data: bytes) -> Request:
    """Reads a request, as the box does.

    Raises:
        ProtocolError: wrong length, header or command.
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
    """The packet that holds ``records``.

    Raises:
        ProtocolError: a number does not fit its 32 bits.
    """
    try:
        return b"".join([_RECORD.pack(*record) for record in records])
    except struct.error as error:
        raise ProtocolError(f"RDT record: expected numbers of 32 bits: {error}") from error


def record_offsets(packet: bytes) -> range:
    """Where the records of a packet begin, oldest first: one, or in buffered mode up to 40.

    Raises:
        ProtocolError: the packet is not a whole number of records, or holds none or too many.
    """
    length = len(packet)
    if length % RECORD_BYTES or not 0 < length <= MAX_RECORDS_PER_PACKET * RECORD_BYTES:
        raise ProtocolError(
            f"RDT packet: expected 1 to {MAX_RECORDS_PER_PACKET} records of {RECORD_BYTES} bytes, "
            f"got {length} bytes"
        )
    return range(0, length, RECORD_BYTES)


def peek(packet: bytes, offset: int) -> tuple[int, int, int]:
    """Of the record at ``offset`` only ``rdt_sequence``, ``ft_sequence`` and ``status``."""
    return _HEAD.unpack_from(packet, offset)


def decode_record(packet: bytes, offset: int = 0) -> RdtRecord:
    """The whole record at ``offset``."""
    return RdtRecord._make(_RECORD.unpack_from(packet, offset))
