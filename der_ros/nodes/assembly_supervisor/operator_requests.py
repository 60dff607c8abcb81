"""Services with which an operator starts, stops and accepts attempts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from std_srvs.srv import Trigger

from der_ros.nodes.shared.node_process import ShellNode

REQUESTS = tuple(f"assembly_supervisor/{name}" for name in ("start", "stop", "accept"))
"""Services with which an operator starts, stops and accepts attempts."""


class OperatorRequests:
    """Services ``assembly_supervisor/start``, ``stop`` and ``accept``, and what they have set.

    Args:
        node: Supervisor node.
        started: True if attempts may begin without a start.

    Attributes:
        started: Set while attempts may begin.
        stopped: Set from a stop until the next attempt begins.
        accepted: Set by an operator who judges the piece as seated.
    """

    def __init__(self, node: ShellNode, started: bool = False) -> None:
        self._node = node
        self._can_accept = False
        self._lock = threading.Lock()
        self.started, self.stopped = threading.Event(), threading.Event()
        if started:
            self.started.set()
        self.accepted = threading.Event()
        callbacks = (self._on_start, self._on_stop, self._on_accept)
        for name, callback in zip(REQUESTS, callbacks, strict=True):
            node.create_service(Trigger, name, callback)

    def begins(self) -> bool:
        """Return True if the next attempt may begin, which ends the stop of the one before."""
        with self._lock:
            if self.started.is_set():
                self.stopped.clear()
            return self.started.is_set()

    def stop_reason(self) -> str:
        """Return the reason to end the attempt at once; empty if there is none."""
        if self._node.is_ending:
            return "the supervisor is ending"
        return "stopped by the operator" if self.stopped.is_set() else ""

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """Let an operator accept the attempt while the context is open."""
        self.accepted.clear()
        self._can_accept = True
        try:
            yield
        finally:
            self._can_accept = False

    def _on_start(self, _request: Any, response: Any) -> Any:
        self.started.set()
        response.success, response.message = True, "attempts begin"
        return response

    def _on_stop(self, _request: Any, response: Any) -> Any:
        with self._lock:
            self.started.clear()
            self.stopped.set()
        response.success, response.message = True, "this attempt ends, and no other begins"
        return response

    def _on_accept(self, _request: Any, response: Any) -> Any:
        response.success = self._can_accept
        if response.success:
            self.accepted.set()
        response.message = (
            "this attempt ends as a success"
            if response.success
            else "expected an attempt in which the policy acts, found none; call again then"
        )
        return response
