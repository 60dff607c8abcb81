"""Page for a browser on this host: force, pose and phase as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from der_ros.errors import ConfigurationError
from der_ros.page_server import Document, PageServer

HOST = "127.0.0.1"


class CellPage(PageServer):
    """Server of a page and of the numbers that it shows, on the loopback interface.

    Args:
        port: TCP port; 0 for any free one.
        page: The page, HTML.
        state: Function that returns the numbers to show; called in the thread of a request.
    """

    def __init__(self, port: int, page: str, state: Callable[[], Mapping[str, object]]) -> None:
        super().__init__("page of cell_view", HOST, port, self._document)
        self._page, self._state = page, state

    def start(self) -> None:
        """Open the port and start the thread.

        Raises:
            ConfigurationError: The port cannot be opened.
        """
        try:
            super().start()
        except OSError as error:
            raise ConfigurationError(
                f"page_port: expected a free port of {HOST}, got {self.port} ({error.strerror})"
            ) from error

    def _document(self, path: str) -> Document | None:
        if path == "/state":
            return Document("application/json", json.dumps(self._state()).encode())
        return Document("text/html; charset=utf-8", self._page.encode()) if path == "/" else None
