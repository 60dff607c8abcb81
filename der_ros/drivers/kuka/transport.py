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
"""``receive_all`` gives up after this, so that a thread can look whether it should end."""

_MAX_BACKLOG = 1024
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
    """A bound, blocking UDP socket whose receive gives up after ``POLL_S``.

    Raises:
        ConnectionFailedError: the port is in use, or the address is not this computer's.
    """
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # The kernel's own time-out: Python's would cost a second system call each cycle.
        udp.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, int(POLL_S * 1e6))
        )
        stamp_arrivals(udp)
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


def receive_all(udp: socket.socket) -> list[Packet]:
    """Waits up to ``POLL_S`` for a packet, then takes all that are there, oldest first."""
    packets: list[Packet] = []
    flags = 0
    while len(packets) < _MAX_BACKLOG:
        packet = _receive(udp, flags)
        if packet is None:
            break
        packets.append(packet)
        flags = socket.MSG_DONTWAIT
    return packets


def _receive(udp: socket.socket, flags: int) -> Packet | None:
    try:
        return receive(udp, flags)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError as error:
        logger.warning("RSI server: receiving failed: %s", error)
        time.sleep(POLL_S)
        return None


def stamp_arrivals(udp: socket.socket) -> None:
    """From now on the kernel notes when a packet comes, so that a late reader does not count."""
    udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(udp: socket.socket, flags: int = 0) -> Packet:
    """One packet, with its time of arrival in the kernel where ``stamp_arrivals`` was called.

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
