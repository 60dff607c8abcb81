"""The UDP socket of the RSI server: packets with the time at which the kernel got them."""

from __future__ import annotations

import ipaddress
import logging
import socket
import struct
import time
from typing import NamedTuple

from der_ros.errors import ConfigurationError, ConnectionFailedError

logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Receiving gives up after this, so that a thread can look whether it should end."""

_LATE_S = 0.02
"""A followed peer that is later than this is waited for in turns with all others."""
_MAX_BACKLOG = 256
"""Taken at once; more would let a flood put off the answer by a cycle."""
_MAX_STRAYS = 64
_ANY_ADDRESS = "0.0.0.0"
_RECEIVE_BYTES = 65536
# <asm-generic/socket.h>; the socket module has no name for it.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")


class Packet(NamedTuple):
    """One datagram.

    Attributes:
        data: its bytes.
        address: of its sender.
        arrived_ns: when the kernel got it, ``time.time_ns``.
        stamp_monotonic_s: the same moment on ``time.monotonic``.
    """

    data: bytes
    address: tuple[str, int]
    arrived_ns: int
    stamp_monotonic_s: float


def address_towards(robot_ip: str) -> str:
    """This computer's address on the way to the robot; asks the routing table, sends nothing.

    Raises:
        ConfigurationError: ``robot_ip`` is no IPv4 address.
        ConnectionFailedError: there is no way to it.
    """
    try:
        ipaddress.IPv4Address(robot_ip)
    except ValueError as error:
        raise ConfigurationError(
            f"robot_ip: expected the controller's IPv4 address, got '{robot_ip}'"
        ) from error
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.connect((robot_ip, 9))
        except OSError as error:
            raise ConnectionFailedError(
                f"robot_ip: expected a network that reaches {robot_ip}, got "
                f"'{error.strerror or error}'; check the cable and this computer's address"
            ) from error
        return str(udp.getsockname()[0])


def open_port(address: str, port: int) -> socket.socket:
    """Open a bound, blocking UDP socket whose receive gives up after ``POLL_S``.

    Raises:
        ConnectionFailedError: the port is in use, or the address is not this computer's.
    """
    udp = _new_socket(POLL_S)
    try:
        udp.bind((address, port))
    except OSError as error:
        udp.close()
        raise ConnectionFailedError(
            f"RSI server: expected to open UDP port {port} at {address}, got "
            f"'{error.strerror or error}'; end the other program that holds the port, or choose "
            "another with rsi_port (and the same in the controller's Ethernet file), or an "
            "address of this computer with bind_address"
        ) from error
    return udp


def _new_socket(timeout_s: float) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # The kernel's time-out: Python's would need a second system call each cycle.
    timeout = struct.pack("@ll", 0, int(timeout_s * 1e6))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    stamp_arrivals(udp)
    return udp


class RsiPort:
    """A UDP port of which one peer's datagrams can be kept apart from all others by the kernel.

    While a peer is followed it has a socket and a queue of its own, connected to it: a flood from
    elsewhere neither fills that queue nor costs time before an answer. Answers leave through the
    first socket, which is not connected, so that an ICMP error never takes the place of one.
    """

    def __init__(self, address: str, port: int) -> None:
        """Open the port.

        Raises:
            ConnectionFailedError: the port is in use, or the address is not this computer's.
        """
        self._all = open_port(address, port)
        self._one: socket.socket | None = None
        self._peer: tuple[str, int] | None = None

    @property
    def number(self) -> int:
        """Number of the open UDP port."""
        return int(self._all.getsockname()[1])

    def close(self) -> None:
        """Close all sockets of the port."""
        self.follow(None)
        self._all.close()

    def follow(self, peer: tuple[str, int] | None) -> None:
        """Give ``peer`` a queue of its own; None ends that. Earlier datagrams are in ``strays``."""
        if peer == self._peer:
            return
        self._peer = peer
        if self._one is not None:
            self._one.close()
        self._one = None if peer is None else _apart(self._all, peer)

    def receive(self) -> list[Packet]:
        """Wait up to ``POLL_S`` for the peer's datagrams, or anybody's; oldest first, bounded."""
        return _receive_up_to(_MAX_BACKLOG, self._all if self._one is None else self._one, 0)

    def strays(self) -> list[Packet]:
        """Return without waiting what others sent while a peer is followed; bounded."""
        if self._one is None:
            return []
        return _receive_up_to(_MAX_STRAYS, self._all, socket.MSG_DONTWAIT)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Send one datagram.

        Raises:
            OSError: the network refuses it.
        """
        self._all.sendto(data, address)


def _apart(first: socket.socket, peer: tuple[str, int]) -> socket.socket | None:
    """Return a second socket on the port that hears only ``peer``; None if not possible.

    Both sockets allow the sharing only for the moment in which the second is bound, so that the
    port stays closed to other programs.
    """
    address = first.getsockname()
    if address[0] == _ANY_ADDRESS:
        return None  # connecting would choose one of this computer's addresses
    second = _new_socket(_LATE_S)
    try:
        for one in (first, second):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        second.bind(address)
        second.connect(peer)
    except OSError as error:
        logger.warning("RSI server: the controller gets no queue of its own: %s", error)
        second.close()
        return None
    finally:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return second


def _receive_up_to(most: int, udp: socket.socket, flags: int) -> list[Packet]:
    packets: list[Packet] = []
    while len(packets) < most:
        packet = _receive(udp, flags)
        if packet is None:
            break
        packets.append(packet)
        flags = socket.MSG_DONTWAIT
    return packets


def _receive(udp: socket.socket, flags: int) -> Packet | None:
    try:
        return receive(udp, flags)
    except (BlockingIOError, InterruptedError, ConnectionRefusedError):
        # Refused: the controller's port was closed when an answer came there.
        return None
    except OSError as error:
        logger.warning("RSI server: receiving failed: %s", error)
        time.sleep(POLL_S)
        return None


def stamp_arrivals(udp: socket.socket) -> None:
    """Let the kernel stamp each packet, so that a late reader does not change the time."""
    udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(udp: socket.socket, flags: int = 0) -> Packet:
    """Return one packet, with its arrival in the kernel if ``stamp_arrivals`` was called.

    Raises:
        OSError: as the socket does; ``BlockingIOError`` when there is none.
    """
    data, ancillary, _, address = udp.recvmsg(_RECEIVE_BYTES, 64, flags)
    now_ns, now_s = time.time_ns(), time.monotonic()
    arrived_ns = now_ns
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
            arrived_ns = seconds * 1_000_000_000 + nanoseconds
    # A step of the wall clock in between must not look like a wait.
    waited_s = min(max(0.0, (now_ns - arrived_ns) * 1e-9), 10.0)
    return Packet(data, (address[0], address[1]), arrived_ns, now_s - waited_s)
