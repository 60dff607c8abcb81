"""From packets to records that are news: what came, in which order, and how bad it was.

Of every record only the sequence number and the status word are read; the six axes only of the
records that are wanted, since at 7000 Hz most are never used.
"""

from __future__ import annotations

from der_ros.drivers.netft.rdt import RdtRecord, decode_record, peek, record_offsets
from der_ros.drivers.netft.sequence import Order, SequenceTracker
from der_ros.drivers.netft.status_word import Severity, decode_status
from der_ros.errors import ProtocolError

MAX_MALFORMED = 10
"""As many packets in a row that are no records mean that the peer is no Net F/T box."""


class RdtStream:
    """Takes packets and keeps the newest record, or every new one; counts the rest.

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
        """A stream was asked for; ``product`` decides how its status words are read."""
        self.sequence.expect_restart()
        self._product = product
        self._malformed_row = 0
        self._begun = True
        self._fresh, self._newest = [], None

    def feed(self, packet: bytes) -> None:
        """Takes one packet.

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
        """What is newer than all before, since the last call; a record that was overtaken is not.

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
                # It may wrap; that it went back means that the box was off.
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
