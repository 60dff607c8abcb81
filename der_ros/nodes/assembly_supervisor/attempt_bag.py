"""Bag of one attempt: begun and finished by ``bag_recorder``; an attempt goes on without one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from std_srvs.srv import SetBool

from der_ros.control.approach import CellError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.service_calls import ServiceCalls
from der_ros.policy.attempt import AttemptResult

logger = logging.getLogger("assembly_supervisor")

# Longer than the recorder waits for its disk.
RECORD_PATIENCE_S = 10.0


class AttemptBag:
    """Bag of the current try of an attempt.

    Args:
        node: Supervisor node.
        calls: Caller of ``bag_recorder/record``.
        wanted: False if no bags are recorded.

    Attributes:
        path: Path of the bag; empty without one.
        fault: Reason why the bag is missing or incomplete; empty if it is complete.
    """

    def __init__(self, node: ShellNode, calls: ServiceCalls, wanted: bool) -> None:
        self._node, self._calls, self._wanted = node, calls, wanted
        self._recorder = node.create_client(SetBool, "bag_recorder/record")
        self.path = self.fault = ""

    def forget(self) -> None:
        """Drop path and fault of the try before."""
        self.path = self.fault = ""

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record a bag while the context is open; the attempt continues if recording fails."""
        if not self._wanted:
            yield
            return
        self.path, self.fault = self._record(True)
        try:
            yield
        finally:
            if self.path:
                path, self.fault = self._record(False)
                # During shutdown, bag_recorder may already have exited with a complete bag.
                self.path = path or (self.path if self._node.is_ending else "")

    def named_in(self, result: AttemptResult) -> AttemptResult:
        """Return the result with the bag's path and fault."""
        return replace(result, bag=self.path, bag_fault=self.fault)

    def _record(self, on: bool) -> tuple[str, str]:
        """Start (True) or finish (False) a bag; return its path, and its fault or missing content.

        The recorder's answer is the path; further lines list missing content.
        """
        try:
            request, name = SetBool.Request(data=on), "bag_recorder/record"
            answer = self._calls.call(self._recorder, request, name, RECORD_PATIENCE_S).message
        except CellError as error:
            logger.error("no bag: %s", error)
            return "", str(error)
        path, _, missing = str(answer).partition("\n")
        return path, missing
