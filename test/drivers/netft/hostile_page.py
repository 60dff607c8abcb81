"""A TCP server that answers every request with given bytes, slowly or endlessly if asked."""

import contextlib
import itertools
import socket
import struct
import threading
from dataclasses import replace

from der_ros.drivers.netft.configuration import SensorConfiguration

SENSOR = SensorConfiguration(rdt_rate_hz=500, rdt_buffer_size=10, product_name="NETB")
BODY = SENSOR.to_xml()
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENTITIES = (
    b'<!DOCTYPE n [<!ENTITY a "ha">'
    + b"".join(
        [
            b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (c + 1, c, c, c, c)
            for c in range(ord("a"), ord("u"))
        ]
    )
    + b"]><netft>&u;</netft>"
)


def whole(body=BODY, head=b""):
    """Return a correct HTTP response, with additional headers if given."""
    return OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class HostilePage:
    """Sends the chunks of ``answer`` (an iterable of bytes), ``pause_s`` apart, to each client."""

    def __init__(self, answer, pause_s=0.0, reset=False):
        self.answer, self.pause_s, self.reset = answer, pause_s, reset
        self.sent = self.requests = 0
        self._end = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(5.0)
        self._listener.close()

    def _serve(self):
        while not self._end.is_set():
            with contextlib.suppress(OSError):
                peer, _ = self._listener.accept()
                with peer:
                    peer.settimeout(0.2)
                    self._talk(peer)

    def _talk(self, peer):
        peer.recv(4096)
        self.requests += 1
        for part in self.answer:
            if self._end.wait(self.pause_s):
                return
            peer.sendall(part)
            self.sent += len(part)
        if self.reset:  # close with RST instead of FIN
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def endless(part, *first):
    """Return an iterable of some first parts, then ``part`` forever."""
    return Endless(part, first)


class Endless:
    """Endless iterable that restarts for each connection."""

    def __init__(self, part, first):
        self._part, self._first = part, first

    def __iter__(self):
        return itertools.chain(self._first, itertools.repeat(self._part))


def dripping(answer):
    """Return the bytes of ``answer`` one by one."""
    return [bytes([byte]) for byte in answer]


def in_other_units(unit="kN"):
    """Return the sensor's page with another unit of force."""
    return replace(SENSOR, force_unit=unit).to_xml()
