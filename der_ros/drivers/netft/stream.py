"""The new records of a stream of packets: order, loss, status, and readings that never change.

Only the sequence number and the status word of every record are decoded. The six axes are decoded
only for the records that are wanted, since at 7000 Hz most are never used.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from der_ros.drivers.netft.rdt import (
    RdtRecord,
    Severity,
    decode_record,
    decode_status,
    peek,
    record_offsets,
)
from der_ros.errors import ProtocolError
from der_ros.geometry import Array, Wrench

MAX_MALFORMED = 10
"""Number of packets in a row without a record after which the peer is no Net F/T box."""


_MODULUS = 1 << 32
_HALF = 1 << 31
_WINDOW = 1024


class Order(Enum):
    """Place of one record in its stream."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    RESTART = "restart"


class SequenceTracker:
    """Follows a 32-bit sequence that wraps.

    A record that arrives after a later one was first counted as lost and is taken off that count.
    A number far behind (more than 1024) is a stream that started anew.

    Attributes:
        lost: records that never came.
        duplicates: records that came again.
        reordered: records that came after a later one.
        restarts: streams that began anew without being asked to.
    """

    def __init__(self) -> None:
        self.lost = self.duplicates = self.reordered = self.restarts = 0
        self._last: int | None = None
        self._missing: OrderedDict[int, None] = OrderedDict()

    def expect_restart(self) -> None:
        """Accept any number next: the stream was asked to start."""
        self._last = None
        self._missing.clear()

    def arrived(self, sequence: int) -> Order:
        """Return the place of one record; only NEXT and RESTART are newer than all before."""
        if self._last is None:
            self._last = sequence
            return Order.NEXT
        gap = (sequence - self._last) % _MODULUS
        if gap == 1:
            self._last = sequence
            return Order.NEXT
        if gap == 0:
            self.duplicates += 1
            return Order.DUPLICATE
        return self._ahead(sequence, gap) if gap < _HALF else self._behind(sequence)

    def _ahead(self, sequence: int, gap: int) -> Order:
        last = self._last or 0
        self.lost += gap - 1
        # Only the latest gaps are remembered: a jump must not fill the memory.
        for offset in range(max(1, gap - _WINDOW), gap):
            self._missing[(last + offset) % _MODULUS] = None
        while len(self._missing) > _WINDOW:
            self._missing.popitem(last=False)
        self._last = sequence
        return Order.NEXT

    def _behind(self, sequence: int) -> Order:
        if sequence in self._missing:
            del self._missing[sequence]
            self.lost -= 1
            self.reordered += 1
            return Order.REORDERED
        if ((self._last or 0) - sequence) % _MODULUS <= _WINDOW:
            self.duplicates += 1
            return Order.DUPLICATE
        self.restarts += 1
        self.expect_restart()
        self._last = sequence
        return Order.RESTART


class RdtStream:
    """Reader of packets that keeps the newest record, or every new one, and counts the rest.

    It outlives connections, so that its counters are those of a client. One thread feeds it.

    Attributes:
        every_record: keep each new record, not only the newest.
        sequence: loss, repeats, overtaking and restarts.
        records: taken, of all orders.
        malformed: packets that are no records.
        status_errors: records whose status word is an error.
        box_restarts: times that the box's own sample counter went back: it was off.
    """

    def __init__(self, every_record: bool = False) -> None:
        self.sequence = SequenceTracker()
        self.records = self.malformed = self.status_errors = self.box_restarts = 0
        self.every_record = every_record
        self._malformed_row = 0
        self._product = ""
        self._fresh: list[RdtRecord] = []
        self._newest: tuple[bytes, int] | None = None
        self._ft_sequence: int | None = None
        self._begun = False

    def begin(self, product: str) -> None:
        """Begin a new stream; ``product`` selects the table of status words."""
        self.sequence.expect_restart()
        self._product = product
        self._malformed_row = 0
        self._begun = True
        self._fresh, self._newest = [], None

    def feed(self, packet: bytes) -> None:
        """Take one packet.

        Raises:
            ProtocolError: it is the tenth in a row that is no whole number of records.
        """
        try:
            offsets = record_offsets(packet)
        except ProtocolError as error:
            self._refuse(error)
            return
        self._malformed_row = 0
        self.records += len(offsets)
        for offset in offsets:
            number, ft_sequence, status = peek(packet, offset)
            if status and decode_status(status, self._product).severity is Severity.ERROR:
                self.status_errors += 1
            order = self.sequence.arrived(number)
            if order is Order.NEXT or order is Order.RESTART:
                self._keep(packet, offset, ft_sequence, order)

    def fresh(self) -> list[RdtRecord]:
        """Return the new records since the last call, without overtaken ones.

        One record at most, or, where every record is wanted, all of them, oldest first.
        """
        if self._newest is not None:
            self._fresh.append(decode_record(*self._newest))
            self._newest = None
        fresh, self._fresh = self._fresh, []
        return fresh

    def _keep(self, packet: bytes, offset: int, ft_sequence: int, order: Order) -> None:
        if self._begun or order is Order.RESTART:
            self._begun = False
            if self._ft_sequence is not None:
                # The counter may wrap; if it goes back, the box was off.
                behind = (self._ft_sequence - ft_sequence) % (1 << 32)
                self.box_restarts += 0 < behind < 1 << 31
        self._ft_sequence = ft_sequence
        if self.every_record:
            self._fresh.append(decode_record(packet, offset))
        else:
            self._newest = packet, offset

    def _refuse(self, error: ProtocolError) -> None:
        self.malformed += 1
        self._malformed_row += 1
        if self._malformed_row >= MAX_MALFORMED:
            raise ProtocolError(
                f"{MAX_MALFORMED} malformed packets in a row, the last: {error}; is this port a "
                "Net F/T box's?"
            ) from error


class FrozenWatch:
    """Finds a sensor whose six values stay the same to the last count; a real one has noise.

    Args:
        after_s: readings that stay the same for longer are frozen; 0: never.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._last: Array | None = None
        self._since_s = 0.0

    def frozen(self, wrench: Wrench, now_s: float) -> bool:
        """Take the reading of ``now_s`` (any steady clock) and tell if the sensor is frozen."""
        reading = wrench.to_array()
        if self._last is None or (reading != self._last).any():
            self._last, self._since_s = reading, now_s
        return 0.0 < self._after_s < now_s - self._since_s
