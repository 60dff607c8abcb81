"""Lifecycle of ``policy_server``: configured before an attempt, active during it only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

from der_ros.control.approach import CellError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.service_calls import ServiceCalls

ACTIVATE_PATIENCE_S = 5.0
DEACTIVATE_PATIENCE_S = 3.0
ASK_AGAIN_S = 2.0


class PolicyLifecycle:
    """Client of the lifecycle services of ``policy_server``.

    Args:
        node: Supervisor node.
        calls: Caller of the services.
        stop_robot: Function that stops a robot whose policy may still be active.
    """

    def __init__(
        self, node: ShellNode, calls: ServiceCalls, stop_robot: Callable[[], object]
    ) -> None:
        self._node, self._calls, self._stop_robot = node, calls, stop_robot
        self._change_state = node.create_client(ChangeState, "policy_server/change_state")
        self._get_state = node.create_client(GetState, "policy_server/get_state")

    def make_ready(self) -> None:
        """Bring ``policy_server`` to the lifecycle state *inactive*, also after a restart.

        Raises:
            CellError: The node is missing, or cannot load its policy.
        """
        state = self._state()
        if state == State.PRIMARY_STATE_UNCONFIGURED:
            self._change(Transition.TRANSITION_CONFIGURE, "configure")
        elif state == State.PRIMARY_STATE_ACTIVE:
            self._change(Transition.TRANSITION_DEACTIVATE, "deactivate")

    @contextmanager
    def active(self) -> Iterator[None]:
        """Keep the policy active while the context is open.

        If the response to the activation is lost, the policy is active but not watched, so it does
        not move the robot.

        Raises:
            CellError: The policy cannot be activated, or its deactivation was not confirmed; then
                the robot is held until the fault of ``kuka_bridge`` is reset.
        """
        self._change(Transition.TRANSITION_ACTIVATE, "activate", ACTIVATE_PATIENCE_S)
        try:
            yield
        finally:
            self._deactivate()

    def _deactivate(self) -> None:
        """Deactivate the policy; stop the robot if the deactivation is not confirmed."""
        try:
            self._change(Transition.TRANSITION_DEACTIVATE, "deactivate", DEACTIVATE_PATIENCE_S)
        except CellError:
            if not self._node.is_ending:
                self._stop_robot()
            raise

    def _state(self) -> int:
        """Return the lifecycle state of ``policy_server``; repeat requests without a response.

        The middleware lists a killed server until its lease of about 20 s ends, so a request may
        be lost after a restart.
        """
        deadline_s = time.monotonic() + self._calls.patience_s
        while True:
            try:
                name = "policy_server/get_state"
                answer = self._calls.call(self._get_state, GetState.Request(), name, ASK_AGAIN_S)
                return int(answer.current_state.id)
            except CellError:  # noqa: PERF203 - two seconds a round
                if time.monotonic() > deadline_s or self._node.is_ending:
                    raise

    def _change(self, transition: int, name: str, patience_s: float | None = None) -> None:
        """Request a lifecycle transition from ``policy_server``.

        Args:
            transition: Constant of ``lifecycle_msgs/Transition``.
            name: Name of the transition, for the error message.
            patience_s: Longest time to wait, s; None for the default.

        Raises:
            CellError: The node is missing, refuses, or does not answer within ``patience_s``.
        """
        request = ChangeState.Request()
        request.transition.id = transition
        service = "policy_server/change_state"
        if not self._calls.call(self._change_state, request, service, patience_s).success:
            raise CellError(f"policy_server could not {name}; see its log")
