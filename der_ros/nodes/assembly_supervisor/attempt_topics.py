"""Attempt topics that mirror a ROS action: status, feedback and result.

No installed standard action type fits an assembly, so the parts of an action are separate: the
services ``assembly_supervisor/start`` (goal) and ``assembly_supervisor/stop`` (cancel), and the
topics below.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict

from action_msgs.msg import GoalInfo, GoalStatus, GoalStatusArray
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import String
from unique_identifier_msgs.msg import UUID

from der_ros.control.status import Level
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.attempt import AttemptResult, Outcome

_ENDED = {
    Outcome.SUCCESS: (Level.OK, GoalStatus.STATUS_SUCCEEDED),
    Outcome.TIMEOUT: (Level.WARN, GoalStatus.STATUS_ABORTED),
    Outcome.STALL: (Level.WARN, GoalStatus.STATUS_ABORTED),
    Outcome.JAMMED: (Level.WARN, GoalStatus.STATUS_ABORTED),
    Outcome.MISSED: (Level.WARN, GoalStatus.STATUS_ABORTED),
    Outcome.FAULT: (Level.ERROR, GoalStatus.STATUS_ABORTED),
    Outcome.ABORTED: (Level.WARN, GoalStatus.STATUS_CANCELED),
}


class AttemptTopics:
    """Latched publishers of an attempt's status, feedback and result.

    Topics: ``assembly_supervisor/status`` (GoalStatusArray), ``assembly_supervisor/feedback`` and
    ``assembly_supervisor/result`` (DiagnosticStatus). For one more release,
    ``assembly_supervisor/attempt`` carries the result as JSON text.

    Args:
        node: Publishing node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        name = "assembly_supervisor"
        self._status = node.create_publisher(GoalStatusArray, f"{name}/status", LATCHED)
        self._feedback = node.create_publisher(DiagnosticStatus, f"{name}/feedback", LATCHED)
        self._result = node.create_publisher(DiagnosticStatus, f"{name}/result", LATCHED)
        self._json = node.create_publisher(String, f"{name}/attempt", LATCHED)
        self._goal = GoalInfo()

    def begin(self) -> None:
        """Publish a new attempt as executing, with a new goal identifier."""
        self._goal = GoalInfo(goal_id=UUID(uuid=list(uuid.uuid4().bytes)))
        self._goal.stamp = self._node.get_clock().now().to_msg()
        self._publish_status(GoalStatus.STATUS_EXECUTING)

    def feedback(self, phase: str, values: Mapping[str, object]) -> None:
        """Publish the phase as text, with values such as the number of attempts."""
        self._feedback.publish(to_status("attempt", values, phase))

    def end(self, result: AttemptResult) -> None:
        """Publish the result and the final status of the attempt."""
        level, status = _ENDED[result.outcome]
        values = asdict(result) | {"outcome": result.outcome.value}
        self._result.publish(to_status("attempt", values, result.reason, level))
        self._json.publish(String(data=result.to_json()))
        self._publish_status(status)

    def _publish_status(self, status: int) -> None:
        goal = GoalStatus(goal_info=self._goal, status=status)
        self._status.publish(GoalStatusArray(status_list=[goal]))
