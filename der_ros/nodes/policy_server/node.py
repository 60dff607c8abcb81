"""Runs a policy: reads pose and wrench of the held piece and publishes twists at the policy's rate.

This is a lifecycle node: *configure* loads and checks the policy, *activate* starts it,
*deactivate* stops it, and *shutdown* ends the process unless the policy is active. It skips inputs
that are stale, not finite or of different times. It latches a fault if the policy returns invalid
actions, and stops until it is deactivated if no node watches the robot any more
(``watch_timeout_s``).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.timer import Timer
from std_msgs.msg import Float32MultiArray, MultiArrayDimension, String
from std_srvs.srv import Trigger

from der_ros.control.frame_names import TASK_FRAME
from der_ros.control.policy_inputs import KINDS, UnusableInputError
from der_ros.control.rate_meter import RateMeter
from der_ros.control.status import Level, Status
from der_ros.control.watch_lease import INACTIVE, NOT_CONFIGURED, WATCHED_TOPIC, Lease
from der_ros.errors import ContractError, DerRosError
from der_ros.geometry import Twist
from der_ros.nodes.policy_server.inputs import (
    POSE_TOPIC,
    WRENCH_TOPIC,
    SubscribedInputs,
    SubscribedWatch,
)
from der_ros.nodes.policy_server.pilots import (
    MADE_BY,
    SOURCES,
    Actor,
    Reference,
    TaskReference,
    pilot_input,
)
from der_ros.nodes.shared.conversions import CellFrames, twist_to_message
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.key_values import from_status, to_status
from der_ros.nodes.shared.node_process import Shell, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED, LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.parameters.policy_server import POLICY, PolicyParameters
from der_ros.policy.contract import PolicyContract
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import LimitsDifference, compare_limits, limits_from_texts
from der_ros.policy.policy_topics import (
    ACTION_TOPIC,
    CONTRACT_TOPIC,
    INFO_TOPIC,
    OBSERVATION_TOPIC,
    tick_label,
)
from der_ros.policy.policy_view import Policy, for_attempt
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy

logger = logging.getLogger("policy_server")

UNWATCHED = "unwatched"
_LIMITS = "kuka/limits"
_LIMITS_S = 0.1
_SHUTDOWNS = (
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    Transition.TRANSITION_INACTIVE_SHUTDOWN,
    Transition.TRANSITION_ACTIVE_SHUTDOWN,
)
_SERVICES = ("policy_server/change_state", "policy_server/get_state", "policy_server/reset_fault")


@dataclasses.dataclass
class Counts:
    """Counters since the start, and the longest inference since the last diagnostics, s."""

    ticks: int = 0
    commands: int = 0
    skipped: Counter[str] = dataclasses.field(default_factory=Counter)
    max_inference_s: float = 0.0


class _Activation(NamedTuple):
    """Policy from its activation until its deactivation, and the timer that calls it."""

    acting: Policy
    contract: PolicyContract
    timer: Timer


class PolicyServer(Shell, LifecycleNode):
    """Lifecycle node that turns the newest pose and wrench into twists at the policy's rate."""

    def __init__(self) -> None:
        super().__init__("policy_server")
        given = declare_settings(self, PolicyParameters)
        self._task, self._pilot = given.task, given.pilot
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._frames = CellFrames.declare(self)
        self._sources = self._make_sources()
        self._inputs = SubscribedInputs(self, self._frames, self._sources)
        self._lease = SubscribedWatch(self, self._sources.topic(WATCHED_TOPIC))
        self._pilot_input = pilot_input(self._pilot, self, self._sources)
        self._policy: Actor | None = None
        self._active: _Activation | None = None
        self._is_configured = False
        self._info_values: dict[str, object] = {}
        self._published_info: dict[str, object] = {}
        self._counts = Counts()
        self._skipped = ""
        self._fault = self._lapse = ""
        self._limits: GovernorLimits | None = None
        self._rate: RateMeter | None = None
        self._create_topics()
        self._guard_transitions()
        self._diagnostics = DiagnosticsPublisher(self, "policy", self._collect)

    def _make_sources(self) -> Sources:
        topics = {
            POSE_TOPIC: "kuka_bridge",
            _LIMITS: "kuka_bridge",
            WRENCH_TOPIC: "ft_bridge",
            WATCHED_TOPIC: "assembly_supervisor",
            **SOURCES[self._pilot],
        }
        own = self.get_fully_qualified_name()
        return Sources(self, topics, dict.fromkeys(_SERVICES, own), self._on_wrong_source)

    def _on_wrong_source(self, wrong: str) -> None:
        """Latch a fault for a wrong source while active; an activation checks the sources again."""
        if self._active is None or self._fault:
            return
        self._send(Twist.zero())
        self._fault = wrong
        self._complain(wrong)

    def _create_topics(self) -> None:
        self._twists = self.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 10)
        self._observations = self.create_publisher(Float32MultiArray, OBSERVATION_TOPIC, 100)
        self._actions = self.create_publisher(Float32MultiArray, ACTION_TOPIC, 100)
        self._contract = self.create_publisher(DiagnosticStatus, CONTRACT_TOPIC, LATCHED)
        self._info = self.create_publisher(String, INFO_TOPIC, LATCHED)
        self._bridge_limits = PolledSubscription(
            self,
            DiagnosticStatus,
            _LIMITS,
            LATCHED_AMONG_OTHERS,
            rightful=self._sources.topic(_LIMITS),
        )
        steady_timer(self, _LIMITS_S, self._take_limits)
        self.create_service(Trigger, "policy_server/reset_fault", self._on_reset_fault)

    # Lifecycle.

    def _guard_transitions(self) -> None:
        """Refuse a shutdown while active, and any transition for which rclpy would crash."""
        service = self._service_change_state
        change_state = service.callback

        def guarded(request: Any, response: Any) -> Any:
            response.success = False
            if self._active is not None and _is_shutdown(request.transition):
                logger.warning("refused: shutdown while the policy is active; deactivate first")
                return response
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError as error:
                logger.warning("refused: %s", str(error).partition(", at ")[0])
                response.success = False
                return response

        service.callback = guarded

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load and check the policy; log the error and return FAILURE if it is invalid."""
        try:
            self._load(str(self.get_parameter("policy").value))
        except DerRosError as error:
            logger.error("%s", error)
            return TransitionCallbackReturn.FAILURE
        self._is_configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Start the policy; refuse under a fault, a wrong source or limits looser than trained."""
        self._take_limits()
        refusal = self._fault or "; ".join(self._sources.check()) or self._refusal_of_limits()
        if self._policy is None or refusal:
            logger.error("not activated: %s", refusal or "no policy is loaded")
            return TransitionCallbackReturn.FAILURE
        _, tighter, other = self._difference()
        if tighter:
            logger.info("the robot's limits are tighter than in training: %s", "; ".join(tighter))
        if other:
            logger.warning("the robot's limits are not the trained ones: %s", "; ".join(other))
        contract, repeat = self._policy.contract, self._action_repeat()
        period_s, acting = contract.control_dt_s, for_attempt(self._policy, repeat)
        self._publish_info(action_repeat=repeat)
        self._rate = RateMeter(period_s)
        self._lease.restart()
        timer = steady_timer(self, period_s, self._tick)
        self._active = _Activation(acting, contract, timer)
        logger.info(
            "active: a command every %g s, a new action every %g s", period_s, repeat * period_s
        )
        self._diagnostics.publish()
        return TransitionCallbackReturn.SUCCESS

    def _action_repeat(self) -> int:
        """Return the number of periods for which a policy keeps each action; 1 for a pilot."""
        if self._pilot != POLICY or self._limits is None:
            return 1
        return self._limits.action_repeat()

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the policy and publish a zero twist."""
        self._stop()
        # The supervisor then knows why commands end, if the request was not its own.
        self._diagnostics.publish()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the policy, so that the node can be configured again."""
        self._stop()
        self._is_configured = False
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """End the process; a launch that needs this node ends as well, with exit code 1."""
        logger.warning("a shutdown was requested: ending")
        self._stop()
        self.finish(0)
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the policy after a transition that raised an exception, which rclpy discards."""
        logger.error("a transition has failed; the node is not configured any more")
        self._stop()
        self._is_configured = False
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop the policy and publish a zero twist."""
        self._stop()

    def _stop(self) -> None:
        active, self._active = self._active, None
        if active is None:
            return
        active.timer.cancel()
        self.destroy_timer(active.timer)
        self._send(Twist.zero())
        # The next activation starts a new watch.
        self._lapse = ""

    def _load(self, path: str) -> None:
        """Replace the policy by the file at ``path``, or by the shipped one if it is empty.

        A pilot takes only the contract from it, or that of the task if none is shipped.

        Raises:
            DerRosError: The policy fails a check; the previous one is kept.
        """
        reference: Reference
        if self._pilot_input is None:
            path = path or str(shipped_policy(self._task))
            reference = self._policy = _checked_policy(path, self._task)
        else:
            reference = _checked_policy(path, self._task) if path else TaskReference(self._task)
            self._policy = self._pilot_input.actor(reference)
        self._info_values = {
            "made_by": MADE_BY[self._pilot],
            "sha256": self._policy.sha256,
            "path": str(Path(reference.path).resolve()) if self._policy.sha256 else "",
            "contract": dataclasses.asdict(reference.contract),
            "task_frame": self._frames.base_from_task.to_sequence(),
            "tcp_from_sensor": self._frames.tcp_from_sensor.to_sequence(),
        }
        self._publish_info(action_repeat=1)
        if self._policy.sha256:
            source = f"policy {reference.path} (sha256 {self._policy.sha256:.12}...)"
        else:
            source = f"pilot {self._pilot}, contract of {reference.path.name or 'the task'}"
        logger.info("%s for %s", source, self._task)

    def _publish_info(self, action_repeat: int) -> None:
        """Publish what is known of the policy, with the newest action repeat, if it has changed."""
        info = {**self._info_values, "action_repeat": action_repeat}
        if info == self._published_info:
            return
        self._published_info = info
        self._contract.publish(to_status("policy", info))
        # The same content as JSON text, kept for one more release.
        self._info.publish(String(data=json.dumps(info)))

    def _on_set_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        """Load a new policy unless active; a refusal contains the reason."""
        for parameter in parameters:
            if parameter.name != "policy":
                continue
            if self._active is not None:
                return SetParametersResult(successful=False, reason="deactivate first")
            try:
                self._load(str(parameter.value))
            except DerRosError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take_limits(self) -> None:
        """Read the limits that ``kuka_bridge`` enforces."""
        newest = self._bridge_limits.newest()
        if newest is None:
            return
        try:
            self._limits = limits_from_texts(from_status(newest.message))
        except ContractError as error:
            logger.warning("%s", error)

    def _difference(self) -> LimitsDifference:
        """Return the differences between robot and policy limits; empty until both are known."""
        if self._policy is None or self._limits is None:
            return LimitsDifference()
        return compare_limits(self._policy.contract, self._limits)

    def _refusal_of_limits(self) -> str:
        looser = self._difference().looser
        if not looser:
            return ""
        return f"the robot's limits are looser than the trained ones: {'; '.join(looser)}"

    def _on_reset_fault(self, _request: Any, response: Any) -> Any:
        """Clear a latched fault, unless the policy is active."""
        response.success = self._active is None
        if response.success:
            self._fault = ""
        response.message = "no fault is latched" if response.success else "deactivate first"
        return response

    # Acting.

    def _tick(self) -> None:
        """Compute and publish one action, or count the reason why there is none."""
        active = self._active
        if active is None or self._fault or self._lapse:
            return
        now_s = time.monotonic()
        if self._rate is not None:
            self._rate.tick(now_s)
        self._counts.ticks += 1
        if not self._watched():
            return
        try:
            observation = self._inputs.observe()
            self._skipped = ""
        except UnusableInputError as error:
            self._counts.skipped[error.kind] += 1
            self._skipped = str(error)
            return
        try:
            action = active.acting(observation)
        except ContractError as error:
            self._send(Twist.zero())
            self._fault = f"the policy no longer acts: {error}"
            self._complain(self._fault)
            return
        self._counts.max_inference_s = max(self._counts.max_inference_s, time.monotonic() - now_s)
        self._send(Twist.from_array(active.contract.scale(action)))
        self._counts.commands += 1
        tick = self._counts.ticks
        self._observations.publish(_array(tick_label("observation", tick), observation))
        self._actions.publish(_array(tick_label("action", tick), action))

    def _watched(self) -> bool:
        """Return True while a node watches the robot; publish a zero twist when that ends."""
        lease = self._lease.check_now()
        if lease is Lease.AWAITED:
            self._counts.skipped[UNWATCHED] += 1
            self._skipped = f"no node watches yet: no message on {WATCHED_TOPIC} since activation"
        elif lease is Lease.LAPSED:
            self._send(Twist.zero())
            self._lapse = (
                f"no node watches the robot any more: no message on {WATCHED_TOPIC} for "
                f"{self._lease.timeout_s:g} s; held until deactivated"
            )
            self._complain(self._lapse)
        return lease is Lease.HELD

    def _complain(self, reason: str) -> None:
        """Log the reason why the policy stopped, and publish the diagnostics at once."""
        logger.error("%s", reason)
        self._diagnostics.publish()

    def _send(self, twist: Twist) -> None:
        stamp = self.get_clock().now().to_msg()
        self._twists.publish(twist_to_message(twist, TASK_FRAME, stamp))

    # Reporting.

    def _collect(self) -> list[Status]:
        counts, policy, difference = self._counts, self._policy, self._difference()
        values: dict[str, object] = {
            "active": self._active is not None,
            "policy": policy.path if policy and policy.path.name else "",
            "sha256": policy.sha256 if policy else "",
            "robot_limits": "known" if self._limits else "not known",
            "limits_that_differ": "; ".join((*difference.tighter, *difference.other)),
            "ticks": counts.ticks,
            "commands": counts.commands,
            **{f"skipped_{kind}": counts.skipped[kind] for kind in (*KINDS, UNWATCHED)},
            "max_inference_ms": f"{1e3 * counts.max_inference_s:.3f}",
            **self._inputs.figures(),
            **(self._pilot_input.report() if self._pilot_input else {}),
            **(self._rate.report() if self._rate else {}),
        }
        counts.max_inference_s = 0.0
        level, message = self._health()
        return [Status("policy", level, message, values), self._sources.status()]

    def _health(self) -> tuple[Level, str]:
        if self._fault or self._lapse:
            return Level.ERROR, self._fault or self._lapse
        if refusal := self._refusal_of_limits():
            return Level.WARN, refusal
        if self._active is None:
            return Level.OK, INACTIVE if self._is_configured else NOT_CONFIGURED
        if self._skipped:
            return Level.WARN, f"no command: {self._skipped}"
        return Level.OK, "active"


def _is_shutdown(transition: Transition) -> bool:
    """Return True for a request to shut down; a label counts before the identifier."""
    if transition.label:
        return str(transition.label) == "shutdown"
    return transition.id in _SHUTDOWNS


def _array(label: str, data: NDArray[np.float32]) -> Float32MultiArray:
    """Return a one-dimensional array message with ``label``."""
    message = Float32MultiArray()
    message.layout.dim = [MultiArrayDimension(label=label, size=data.size, stride=data.size)]
    message.data = data.tolist()
    return message


def _checked_policy(path: str, task: str) -> OnnxPolicy:
    """Load a policy; raise any other error of the reader as a ``ContractError``.

    Raises:
        DerRosError: The policy cannot be loaded or fails a check.
    """
    try:
        return OnnxPolicy.load(path, task)
    except DerRosError:
        raise
    except Exception as error:
        raise ContractError(f"policy {path}: it cannot be loaded ({error!r})") from error


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(PolicyServer, args)


if __name__ == "__main__":
    sys.exit(main())
