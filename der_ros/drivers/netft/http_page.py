"""HTTP request to a Net F/T box, bounded in time and bytes."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING

from der_ros.documents import shortened
from der_ros.errors import ConnectionFailedError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAX_DOCUMENT_BYTES = 256 * 1024
"""Maximum length of the body, bytes; a box's page has a few kB."""

MAX_ANSWER_BYTES = MAX_DOCUMENT_BYTES + 64 * 1024
"""Maximum length of the answer, bytes: status line, headers, chunk sizes and body."""


def get(address: str, port: int, path: str, timeout_s: float) -> bytes:
    """Return the body of the answer to one GET request.

    The timeout covers the whole request, from connecting to the last byte, also for a slow or
    endless answer. Redirects are not followed and compressed answers are refused.

    Args:
        address: Address of the box.
        port: TCP port of the box.
        path: Requested path with query.
        timeout_s: Timeout of the whole request, s.

    Raises:
        ConnectionFailedError: There is no complete, uncompressed answer with status 200 within the
            bounds on time and bytes.
    """
    url = f"http://{shortened(address)[1:-1]}:{port}{path}"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plain:
            bounded = _BoundedSocket(plain, timeout_s)
            bounded.connect(address, port)
            connection = http.client.HTTPConnection(address, port)
            connection.sock = bounded
            connection.request("GET", path, headers={"Connection": "close"})
            with connection.getresponse() as response:
                return _body(response, url)
    # http.client raises ValueError for some malformed numbers (a chunk of -5 bytes).
    except ConnectionFailedError:
        raise
    except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
        got = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConnectionFailedError(
            f"Net F/T box: expected an answer from {url}, got '{got}'; check sensor_ip, the cable "
            "and the power"
        ) from error


def _body(response: http.client.HTTPResponse, url: str) -> bytes:
    """Read the body of a complete, uncompressed answer with status 200."""
    if response.status != http.client.OK:
        raise ConnectionFailedError(
            f"Net F/T box: expected HTTP status 200 from {url}, got {response.status}; "
            "is this address a Net F/T box?"
        )
    coding = response.getheader("Content-Encoding", "identity")
    if coding.strip().lower() != "identity":
        raise ConnectionFailedError(
            f"Net F/T box: expected a plain document from {url}, got one encoded as "
            f"{coding[:40]!r}; is this address a Net F/T box?"
        )
    body = response.read(MAX_DOCUMENT_BYTES + 1)
    if len(body) > MAX_DOCUMENT_BYTES:
        raise OSError(f"a document of more than {MAX_DOCUMENT_BYTES} bytes")
    if response.length:
        raise OSError(f"an answer that ends {response.length} bytes too early")
    return body


class _BoundedSocket:
    """Socket interface for ``http.client`` with one deadline for all waits."""

    def __init__(self, plain: socket.socket, timeout_s: float) -> None:
        self._plain, self._timeout_s = plain, timeout_s
        self._deadline_s = time.monotonic() + timeout_s

    def connect(self, address: str, port: int) -> None:
        """Connect to the first address of the name only."""
        found = socket.getaddrinfo(address, port, socket.AF_INET, socket.SOCK_STREAM)
        self._wait_at_most()
        try:
            self._plain.connect(found[0][4])
        except TimeoutError as error:
            raise self._too_late() from error

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all of ``data`` before the deadline."""
        self._wait_at_most()
        self._plain.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader of the received bytes."""
        return io.BufferedReader(_BoundedReader(self))

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """Receive into a buffer; return the number of bytes, 0 at the end of the stream."""
        self._wait_at_most()
        try:
            return self._plain.recv_into(buffer)
        except TimeoutError as error:
            raise self._too_late() from error

    def _wait_at_most(self) -> None:
        """Set the socket's timeout to the remaining time; raise TimeoutError if none is left."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0.0:
            raise self._too_late()
        self._plain.settimeout(left_s)

    def close(self) -> None:
        """Do nothing: ``http.client`` closes before it reads; ``get`` closes the socket later."""

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"no whole answer within {self._timeout_s:g} s")


class _BoundedReader(io.RawIOBase):
    """Stream of the received bytes, up to ``MAX_ANSWER_BYTES``."""

    def __init__(self, source: _BoundedSocket) -> None:
        self._source = source
        self._left = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read available bytes into ``buffer``; raise OSError beyond the maximum length."""
        if self._left <= 0:
            raise OSError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        count = self._source.receive_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count
