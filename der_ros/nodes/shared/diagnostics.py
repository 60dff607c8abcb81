"""Publication of a node's status on ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from der_ros.control.status import Status
from der_ros.nodes.shared.steady import steady_timer


def status_name(node: Node) -> str:
    """Return the full name of a node without the leading slash, such as ``cell_1/kuka_bridge``."""
    return f"{node.get_namespace()}/{node.get_name()}".strip("/")


class DiagnosticsPublisher:
    """Publisher of a node's statuses on ``/diagnostics``, at 1 Hz.

    All namespaces share the topic, so each status is prefixed with ``status_name``.

    Args:
        node: Publishing node.
        hardware_id: Hardware identifier of the statuses.
        collect: Function that returns the statuses; called once per message, in the executor's
            thread.
    """

    def __init__(
        self, node: Node, hardware_id: str, collect: Callable[[], Sequence[Status]]
    ) -> None:
        self._node = node
        self._hardware_id = hardware_id
        self._collect = collect
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = steady_timer(node, 1.0, self.publish)

    def publish(self) -> None:
        """Publish the statuses now, without waiting for the timer."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [self._to_message(status) for status in self._collect()]
        self._publisher.publish(message)

    def _to_message(self, status: Status) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([status.level]),
            name=f"{status_name(self._node)}: {status.name}",
            message=status.message,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=str(value)) for key, value in status.values.items()],
        )
