"""UDP port of the RSI server: datagrams with the kernel's arrival time."""

from __future__ import annotations

import logging
import socket
import struct
import time
from typing import NamedTuple

from der_ros.drivers.addresses import require_ipv4
from der_ros.errors import ConnectionFailedError

logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Timeout of receiving, s, after which a thread checks if it should stop."""

_LATE_S = 0.02
"""Timeout of receiving from a followed peer, s, before other senders are served."""
_MAX_BACKLOG = 256
"""Maximum number of datagrams received at once, so that a flood does not delay the answer."""
_MAX_STRAYS = 64
_ANY_ADDRESS = "0.0.0.0"
_RECEIVE_BYTES = 65536
# <asm-generic/socket.h>; missing in Python's socket module.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")


class Packet(NamedTuple):
    """Received datagram with sender and arrival time.

    Attributes:
        data: Payload.
        address: Address and port of the sender.
        stamp_monotonic_s: Arrival in the kernel, s, ``time.monotonic``.
    """

    data: bytes
    address: tuple[str, int]
    stamp_monotonic_s: float


def address_towards(robot_ip: str) -> str:
    """Return this computer's address on the route to the robot, without sending anything.

    Raises:
        ConfigurationError: ``robot_ip`` is not an IPv4 address.
        ConnectionFailedError: There is no route to it.
    """
    require_ipv4("robot_ip", robot_ip)
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
    """Open a bound, blocking UDP socket with the receive timeout ``POLL_S``.

    Raises:
        ConnectionFailedError: The port is in use, or the address is not this computer's.
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
    # The kernel's timeout; Python's needs a second system call in each cycle.
    timeout = struct.pack("@ll", 0, int(timeout_s * 1e6))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    stamp_arrivals(udp)
    return udp


class RsiPort:
    """UDP port on which the kernel can separate one peer's datagrams from all others.

    A followed peer has its own connected socket and receive queue, so a flood from other senders
    neither fills that queue nor delays an answer. Answers are sent through the first socket, which
    is not connected, so that an ICMP error does not prevent one.
    """

    def __init__(self, address: str, port: int) -> None:
        """Open the UDP port at a local address.

        Raises:
            ConnectionFailedError: The port is in use, or the address is not this computer's.
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
        """Give ``peer`` its own queue; None ends that. Earlier datagrams are in ``strays``."""
        if peer == self._peer:
            return
        self._peer = peer
        if self._one is not None:
            self._one.close()
        self._one = None if peer is None else _apart(self._all, peer)

    def receive(self) -> list[Packet]:
        """Wait up to ``POLL_S`` for datagrams of the followed peer, or of all; oldest first."""
        return _receive_up_to(_MAX_BACKLOG, self._all if self._one is None else self._one, 0)

    def strays(self) -> list[Packet]:
        """Return other senders' datagrams while a peer is followed, without waiting."""
        if self._one is None:
            return []
        return _receive_up_to(_MAX_STRAYS, self._all, socket.MSG_DONTWAIT)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Send one datagram from the open port.

        Raises:
            OSError: The network refuses the datagram.
        """
        self._all.sendto(data, address)


def _apart(first: socket.socket, peer: tuple[str, int]) -> socket.socket | None:
    """Return a second socket on the port that receives only from ``peer``; None if not possible.

    Both sockets allow port sharing only while the second one is bound, so that other programs
    cannot bind the port.
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
        logger.warning("RSI server: no separate socket for the controller's telegrams: %s", error)
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
        # Refused: the controller's port was closed when an answer arrived.
        return None
    except OSError as error:
        logger.warning("RSI server: receiving failed: %s", error)
        time.sleep(POLL_S)
        return None


def stamp_arrivals(udp: socket.socket) -> None:
    """Enable kernel timestamps, so that a late read does not change the arrival time."""
    udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(udp: socket.socket, flags: int = 0) -> Packet:
    """Receive one datagram, with the kernel's arrival time if ``stamp_arrivals`` was called.

    Raises:
        OSError: The socket fails; ``BlockingIOError`` if there is no datagram.
    """
    data, ancillary, _, address = udp.recvmsg(_RECEIVE_BYTES, 64, flags)
    # In this order: a pause in between makes the datagram older, never fresher.
    now_s, now_ns = time.monotonic(), time.time_ns()
    arrived_ns = now_ns
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
            arrived_ns = seconds * 1_000_000_000 + nanoseconds
    # Bounded, because the wall clock may have stepped in between.
    waited_s = min(max(0.0, (now_ns - arrived_ns) * 1e-9), 10.0)
    return Packet(data, (address[0], address[1]), now_s - waited_s)
