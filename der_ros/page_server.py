"""Small HTTP server: a page for a browser of this host, or the page of a simulated device."""

from __future__ import annotations

import http.server
import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)

_POLL_S = 0.2
_SILENCE_S = 2.0
"""Time after which a client that sends no request is dropped, s."""


class Document(NamedTuple):
    """Body of an answer.

    Attributes:
        kind: Media type, such as ``text/html``.
        body: Content.
    """

    kind: str
    body: bytes


class PageServer(Startable):
    """Server that answers GET requests; a context manager with its own thread.

    Each request has another thread, so that a silent client does not block others.

    Args:
        name: Name of the server in the log.
        address: Address of this computer at which it listens.
        port: TCP port; 0 for any free one.
        answer: Function that returns the document for a path with query, or None for status 404;
            called in the thread of the request.
    """

    def __init__(
        self, name: str, address: str, port: int, answer: Callable[[str], Document | None]
    ) -> None:
        self._name, self._address, self._port, self._answer = name, address, port, answer
        self._server: _Server | None = None
        self._worker = Worker(name, self._serve)

    def start(self) -> None:
        """Open the port and start the thread.

        Raises:
            OSError: The port is in use, or the address is not this computer's.
        """
        self._server = _Server(self._name, self._answer, (self._address, self._port))
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread and close the port."""
        self._worker.stop()
        if self._server is not None:
            self._server.server_close()
        self._server = None

    @property
    def port(self) -> int:
        """Open TCP port, or the configured one if none is open."""
        return self._port if self._server is None else int(self._server.server_port)

    @property
    def failure(self) -> str:
        """Reason why the thread has ended unexpectedly; empty otherwise."""
        return self._worker.failure

    def _serve(self) -> None:
        server = self._server
        while server is not None and not self._worker.stopping.is_set():
            server.handle_request()


class _Server(http.server.ThreadingHTTPServer):
    timeout = _POLL_S

    def __init__(
        self, name: str, answer: Callable[[str], Document | None], place: tuple[str, int]
    ) -> None:
        self.name, self.answer = name, answer
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a client's broken request in one line; the base class prints a traceback."""
        logger.debug("%s: request of %s: %s", self.name, client_address, sys.exc_info()[1])


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = _SILENCE_S

    def do_GET(self) -> None:
        found = self.server.answer(self.path)
        document = Document("text/plain", b"") if found is None else found
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", document.kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(document.body)))
        self.end_headers()
        self.wfile.write(document.body)

    def log_message(self, format: str, *arguments: object) -> None:
        logger.debug(f"{self.server.name}: {format}", *arguments)
