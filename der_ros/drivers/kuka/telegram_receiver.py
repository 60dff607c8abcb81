"""Selection of the controller's telegrams from received datagrams."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from der_ros.drivers.kuka.dropped_datagrams import DroppedDatagrams
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.kuka.rsi_telegrams import RobotTelegram, parse_robot_telegram
from der_ros.drivers.kuka.series import Arrival, TelegramSeries
from der_ros.drivers.kuka.transport import Packet
from der_ros.errors import ProtocolError

_FRESH = (Arrival.START, Arrival.NEXT)


class ReceivedTelegram(NamedTuple):
    """Telegram of the controller with its arrival.

    Attributes:
        telegram: Content of the telegram.
        packet: Datagram with sender and arrival time.
        arrival: Position in the series.
        newest: True if no newer telegram of the series has arrived.
    """

    telegram: RobotTelegram
    packet: Packet
    arrival: Arrival
    newest: bool


class TelegramReceiver:
    """Receiver of one controller's telegrams.

    Attributes:
        series: Series of the controller's IPOCs.
        dropped: Counter of dropped datagrams.
        peer: Address and port of the controller; None before the first session.
    """

    def __init__(self, config: RsiServerConfig) -> None:
        self._robot_ip = config.robot_ip
        self.series = TelegramSeries(config.cycle_s, config.peer_silence_s, config.check_cycle)
        self.dropped = DroppedDatagrams()
        self.peer: tuple[str, int] | None = None

    @property
    def runs(self) -> bool:
        """True while a session of the controller runs."""
        return self.peer is not None and not self.series.silent(time.monotonic())

    def take(self, packets: Sequence[Packet]) -> list[ReceivedTelegram]:
        """Return the controller's telegrams in order of arrival; count the other datagrams.

        Dropped, repeated or late telegrams are never the newest, so they do not replace the motion
        of an earlier telegram.
        """
        taken = [one for one in map(self._judge, packets) if one is not None]
        fresh = [index for index, one in enumerate(taken) if one.arrival in _FRESH]
        if fresh:
            taken[fresh[-1]] = taken[fresh[-1]]._replace(newest=True)
        return taken

    def _judge(self, packet: Packet) -> ReceivedTelegram | None:
        if not self._is_robot(packet):
            self.dropped.count_foreign(packet.address)
            return None
        try:
            telegram = parse_robot_telegram(packet.data)
        except ProtocolError as error:
            self.dropped.count_malformed(error)
            return None
        self.peer = packet.address
        arrival = self.series.arrived(telegram.ipoc, packet.stamp_monotonic_s)
        return ReceivedTelegram(telegram, packet, arrival, newest=False)

    def _is_robot(self, packet: Packet) -> bool:
        """Return True if the sender is the robot and, during a session, the session's port."""
        if packet.address[0] != self._robot_ip:
            return False
        same = self.peer is None or packet.address == self.peer
        return same or self.series.silent(packet.stamp_monotonic_s)
