"""Tracking of a stream of RDT packets: order, loss, status words and frozen readings.

Only sequence number and status word of every record are decoded. The six axes are decoded only for
records that are used, because at 7000 Hz most are not.
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
from der_ros.geometry import Wrench

MAX_MALFORMED = 10
"""Number of consecutive malformed packets after which the peer is not a Net F/T box."""


_MODULUS = 1 << 32
_HALF = 1 << 31
_WINDOW = 1024


class Order(Enum):
    """Position of a record in its stream."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    RESTART = "restart"


class SequenceTracker:
    """Tracker of a 32-bit sequence number that wraps.

    A record that arrives after a later one is first counted as lost, then subtracted from that
    count. A number more than 1024 behind is a restart of the stream.

    Attributes:
        lost: Records that never arrived.
        duplicates: Records that arrived again.
        reordered: Records that arrived after a later one.
        restarts: Streams that restarted without a request.
    """

    def __init__(self) -> None:
        self.lost = self.duplicates = self.reordered = self.restarts = 0
        self._last: int | None = None
        self._missing: OrderedDict[int, None] = OrderedDict()

    def expect_restart(self) -> None:
        """Accept any number next, because a stream was requested."""
        self._last = None
        self._missing.clear()

    def arrived(self, sequence: int) -> Order:
        """Classify a record by its number; only NEXT and RESTART are newer than all before."""
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
        # Bounded, so that a jump does not fill the memory.
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
    """Reader of packets that keeps the newest record, or every new one, and counts the others.

    It outlives connections, so its counters are those of the client. Only one thread feeds it.

    Attributes:
        every_record: If True, keep every new record; if False, only the newest.
        sequence: Tracker with the counts of lost, repeated and reordered records and restarts.
        records: Received records, including repeated and reordered ones.
        malformed: Packets that are not records.
        status_errors: Records whose status word is an error.
        box_restarts: Restarts of the box, detected by its sample counter going back.
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
        """Start a new stream; ``product`` selects the table of status words."""
        self.sequence.expect_restart()
        self._product = product
        self._malformed_row = 0
        self._begun = True
        self._fresh, self._newest = [], None

    def feed(self, packet: bytes) -> None:
        """Process one packet and update the counters.

        Raises:
            ProtocolError: The packet is the tenth consecutive malformed one.
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
        """Return the new records since the last call, without reordered ones.

        These are all new records, oldest first, if ``every_record`` is set, else at most the
        newest.
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
                # The counter may wrap; if it goes back, the box has restarted.
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
    """Detector of a sensor whose six values stay exactly the same; a real one has noise.

    Args:
        after_s: Time of unchanged readings after which the sensor is frozen, s; 0 for never.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._last: tuple[float, ...] = ()
        self._since_s = 0.0

    def frozen(self, wrench: Wrench, now_s: float) -> bool:
        """Add a reading at ``now_s`` of a monotonic clock; return True if the sensor is frozen."""
        if self._after_s == 0.0:
            return False
        reading = wrench.to_numbers()
        if reading != self._last:
            self._last, self._since_s = reading, now_s
        return now_s - self._since_s > self._after_s
