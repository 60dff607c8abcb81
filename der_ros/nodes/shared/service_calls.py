"""Blocking service calls, which end when their patience or the process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from der_ros.control.approach import CellError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.sources import Sources

POLL_S = 0.005
ENDING_PATIENCE_S = 1.0


class ServiceCalls:
    """Caller of services of rightful servers; call it from a thread other than the executor's.

    Args:
        node: Node of the service clients.
        sources: Watch over the rightful servers.
        patience_s: Default time to wait for a service and for its response, s.

    Attributes:
        patience_s: The same default, s.
    """

    def __init__(self, node: ShellNode, sources: Sources, patience_s: float) -> None:
        self._node, self._sources, self.patience_s = node, sources, patience_s

    def call(self, client: Any, request: Any, name: str, patience_s: float | None = None) -> Any:
        """Call a service and return its response; also works while the process ends.

        Args:
            client: Client of the service.
            request: Request to send.
            name: Name of the service, for errors and for the watch over its server.
            patience_s: Time to wait for the service and for its response, s; None for the default.

        Raises:
            CellError: The service has a wrong server, is missing, does not answer, or refuses.
        """
        if wrong := self._sources.server(name):
            raise CellError(wrong)
        patience_s = self.patience_s if patience_s is None else patience_s
        self._await(client.service_is_ready, patience_s, f"the service {name} is not there")
        future = client.call_async(request)
        try:
            self._await(future.done, patience_s, f"the service {name} did not answer")
        except CellError:
            client.remove_pending_request(future)
            raise
        response = future.result()
        if hasattr(response, "message") and not response.success:
            raise CellError(f"{name} refused: {response.message}")
        return response

    def _await(self, predicate: Callable[[], bool], patience_s: float, complaint: str) -> None:
        """Poll ``predicate`` until it holds; once the process ends, for at most 1 s more.

        Raises:
            CellError: The time has passed.
        """
        began_s = time.monotonic()
        ending_s: float | None = None
        while not predicate():
            now = time.monotonic()
            if ending_s is None and self._node.is_ending:
                ending_s = now
            waited_too_long = now - began_s > patience_s
            if waited_too_long or (ending_s is not None and now - ending_s > ENDING_PATIENCE_S):
                raise CellError(f"{complaint} within {now - began_s:.1f} s")
            time.sleep(POLL_S)
