"""Page for a browser on this host: force, pose and phase as they come."""

from __future__ import annotations

import http.server
import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from der_ros.errors import ConfigurationError
from der_ros.threads import Startable, Worker

logger = logging.getLogger("cell_view")

HOST = "127.0.0.1"
_LOOK_S = 0.2
_KINDS = {"/": "text/html; charset=utf-8", "/state": "application/json"}


class CellPage(Startable):
    """HTTP server of a page and of the numbers that it shows.

    Args:
        port: TCP port on the loopback interface; 0 takes any free one.
        page: The page, HTML.
        state: Returns the numbers to show, in the server's thread.

    Attributes:
        port: Port in use; that of the argument before ``start``.
    """

    def __init__(self, port: int, page: str, state: Callable[[], Mapping[str, object]]) -> None:
        self.port, self._page, self._state = port, page, state
        self._server: _Server | None = None
        self._worker = Worker("page", self._serve)

    def start(self) -> None:
        """Open the port and start the thread.

        Raises:
            ConfigurationError: The port cannot be opened.
        """
        answer = self._answer

        class StateHandler(http.server.BaseHTTPRequestHandler):
            timeout = 1.0  # a client that connects and sends nothing does not block others for long

            def do_GET(self) -> None:
                body = answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", _KINDS.get(self.path, "text/plain"))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *arguments: object) -> None:
                logger.debug("page: " + format, *arguments)

        try:
            self._server = _Server((HOST, self.port), StateHandler)
        except OSError as error:
            raise ConfigurationError(
                f"page_port: expected a free port of {HOST}, got {self.port} ({error.strerror})"
            ) from error
        self._server.timeout = _LOOK_S
        self.port = int(self._server.server_address[1])
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread and close the port."""
        self._worker.stop()
        if self._server is not None:
            self._server.server_close()

    def _serve(self) -> None:
        server = self._server
        while server is not None and not self._worker.stopping.is_set():
            server.handle_request()

    def _answer(self, path: str) -> bytes | None:
        if path == "/state":
            return json.dumps(self._state()).encode()
        return self._page.encode() if path == "/" else None


class _Server(http.server.HTTPServer):
    """Server that logs a client's broken request in one line; the base class prints a traceback."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the exception that is being handled."""
        logger.debug("page: request of %s: %s", client_address, sys.exc_info()[1])
