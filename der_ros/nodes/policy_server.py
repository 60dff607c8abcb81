"""Runs a policy: held piece's pose and wrench in, twists out, at the policy's own rate.

A lifecycle node. Configure loads and checks the policy, activate moves, deactivate stops. It acts
on nothing that is stale or not finite, and it stops for good when the policy itself gives garbage.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from numpy.typing import NDArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_msgs.msg import Float32MultiArray, MultiArrayDimension, String
from std_srvs.srv import Trigger

from der_ros.bags.replay import ACTION_TOPIC, INFO_TOPIC, OBSERVATION_TOPIC, tick_label
from der_ros.errors import ConfigurationError, ContractError, DerRosError
from der_ros.geometry import Twist
from der_ros.nodes.common import (
    LATCHED,
    DiagnosticsPublisher,
    Level,
    Shell,
    Status,
    declare,
    run_node,
)
from der_ros.nodes.conversions import (
    CellFrames,
    pose_from_message,
    twist_to_message,
    wrench_from_message,
)
from der_ros.nodes.frames import BASE_FRAME, TASK_FRAME
from der_ros.nodes.polling import PolledSubscription
from der_ros.policy.observation import build_observation, wrench_at_held_piece
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policy
from der_ros.tasks import TASK_NAMES

logger = logging.getLogger("policy_server")

_NEWEST = QoSProfile(depth=1)


class Input(NamedTuple):
    """The newest message of a topic, and when it arrived by the monotonic clock."""

    message: Any
    arrived_s: float


@dataclasses.dataclass
class Counts:
    """What happened since the node started; jitter and inference since the last diagnostics."""

    ticks: int = 0
    commands: int = 0
    stale: int = 0
    not_finite: int = 0
    wrong_frame: int = 0
    max_jitter_s: float = 0.0
    max_inference_s: float = 0.0


class UnusableInputError(DerRosError):
    """There is no observation this time; ``counter`` is the field of ``Counts`` to raise."""

    def __init__(self, counter: str, reason: str) -> None:
        super().__init__(reason)
        self.counter = counter


class PolicyServer(Shell, LifecycleNode):
    """The node."""

    def __init__(self) -> None:
        super().__init__("policy_server")
        self._declare_parameters()
        self._frames = CellFrames.declare(self)
        self._task_from_base = self._frames.base_from_task.inverse()
        self._policy: OnnxPolicy | None = None
        self._timer: Any = None
        self._inputs: dict[str, Input] = {}
        self._counts = Counts()
        self._skipped = ""
        self._fault = ""
        self._last_tick_s: float | None = None
        self._create_topics()
        self._guard_transitions()
        self._diagnostics = DiagnosticsPublisher(self, "policy", self._collect)

    def _declare_parameters(self) -> None:
        self._task = declare(
            self, "task", "lap_joint", "What the policy must be for", choices=tuple(TASK_NAMES)
        )
        self.declare_parameter(
            "policy",
            "",
            ParameterDescriptor(
                description="ONNX policy; empty: the one that the package ships for the task. "
                "Set while not active, it is loaded and checked at once"
            ),
        )
        self._timeouts_s = {
            "pose": declare(
                self, "pose_timeout_s", 0.1, "A robot pose older than this is stale, s",
                minimum=0.001, maximum=10.0,
            ),
            "wrench": declare(
                self, "wrench_timeout_s", 0.1, "A force reading older than this is stale, s",
                minimum=0.001, maximum=10.0,
            ),
        }  # fmt: skip
        self.add_on_set_parameters_callback(self._on_set_parameters)

    def _create_topics(self) -> None:
        self._twists = self.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 10)
        self._observations = self.create_publisher(Float32MultiArray, OBSERVATION_TOPIC, 100)
        self._actions = self.create_publisher(Float32MultiArray, ACTION_TOPIC, 100)
        self._info = self.create_publisher(String, INFO_TOPIC, LATCHED)
        self._subscriptions_of_inputs = {
            "pose": PolledSubscription(self, PoseStamped, "kuka/tcp_pose", _NEWEST),
            "wrench": PolledSubscription(self, WrenchStamped, "netft_data", _NEWEST),
        }
        self.create_service(Trigger, "policy_server/reset_fault", self._on_reset_fault)

    def _take_inputs(self) -> None:
        """Keeps the newest message of each input, with its arrival by the monotonic clock."""
        for name, subscription in self._subscriptions_of_inputs.items():
            newest = subscription.newest()
            if newest is not None:
                arrived_s = time.monotonic() - newest.age_s()
                self._inputs[name] = Input(newest.message, arrived_s)

    # Lifecycle.

    def _guard_transitions(self) -> None:
        """Answers a transition that is not possible now, where rclpy would end the process."""
        service = self._service_change_state
        change_state = service.callback

        def guarded(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError as error:
                logger.warning("refused: %s", str(error).partition(", at ")[0])
                response.success = False
                return response

        service.callback = guarded

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Loads and checks the policy; FAILURE, and one line, when it is not right."""
        try:
            self._load(str(self.get_parameter("policy").value))
        except DerRosError as error:
            logger.error("%s", error)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to act at the policy's rate; refused while a fault is latched."""
        if self._policy is None or self._fault:
            logger.error("not activated: %s", self._fault or "no policy is loaded")
            return TransitionCallbackReturn.FAILURE
        self._last_tick_s = None
        self._timer = self.create_timer(
            self._policy.contract.control_dt_s,
            self._tick,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        logger.info("active: one action every %g s", self._policy.contract.control_dt_s)
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stops, with a twist of zero as the last word."""
        self._stop()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Back to where it can be configured again."""
        self._stop()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stops and ends the process."""
        self._stop()
        self.finish(0)
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Leaves the robot with a twist of zero."""
        self._stop()

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is None:
            return
        timer.cancel()
        self.destroy_timer(timer)
        self._send(Twist.zero())

    def _load(self, path: str) -> None:
        """Replaces the policy by the one at ``path`` if that is right in every respect."""
        policy = OnnxPolicy.load(path or shipped_policy(self._task), self._task)
        self._policy = policy
        info = {
            "sha256": policy.sha256,
            "path": str(Path(policy.path).resolve()),
            "contract": dataclasses.asdict(policy.contract),
            "task_frame": _seven(self._frames.base_from_task),
            "tcp_from_sensor": _seven(self._frames.tcp_from_sensor),
        }
        self._info.publish(String(data=json.dumps(info)))
        logger.info("policy %s (sha256 %.12s...) for %s", policy.path, policy.sha256, self._task)

    def _on_set_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        """Takes a new policy while not active; what is wrong with it is the answer's reason."""
        for parameter in parameters:
            if parameter.name != "policy":
                continue
            if self._timer is not None:
                return SetParametersResult(successful=False, reason="deactivate first")
            try:
                self._load(str(parameter.value))
            except DerRosError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_reset_fault(self, _request: Any, response: Any) -> Any:
        """Unlatches a fault of the policy, while it is not active."""
        response.success = self._timer is None
        if response.success:
            self._fault = ""
        response.message = "no fault is latched" if response.success else "deactivate first"
        return response

    # Acting.

    def _tick(self) -> None:
        """One action, or none and the reason counted."""
        policy = self._policy
        if policy is None or self._fault:
            return
        now_s = time.monotonic()
        self._measure_jitter(now_s, policy.contract.control_dt_s)
        self._counts.ticks += 1
        try:
            observation = self._observe(now_s)
            self._skipped = ""
        except UnusableInputError as error:
            setattr(self._counts, error.counter, getattr(self._counts, error.counter) + 1)
            self._skipped = str(error)
            return
        try:
            action = policy(observation)
        except ContractError as error:
            self._fault = f"the policy does not act any more: {error}"
            logger.error("%s", self._fault)
            return
        self._counts.max_inference_s = max(self._counts.max_inference_s, time.monotonic() - now_s)
        self._send(Twist.from_array(policy.contract.scale(action)))
        self._counts.commands += 1
        tick = self._counts.ticks
        self._observations.publish(_array(tick_label("observation", tick), observation))
        self._actions.publish(_array(tick_label("action", tick), action))

    def _observe(self, now_s: float) -> NDArray[np.float32]:
        """The observation of now; raises UnusableInputError when there is none to act on."""
        self._take_inputs()
        for name, timeout_s in self._timeouts_s.items():
            newest = self._inputs.get(name)
            if newest is None or now_s - newest.arrived_s > timeout_s:
                raise UnusableInputError("stale", f"no {name} for {timeout_s:g} s")
        pose_message = self._inputs["pose"].message
        if pose_message.header.frame_id != BASE_FRAME:
            raise UnusableInputError(
                "wrong_frame",
                f"expected a pose in {BASE_FRAME}, got {pose_message.header.frame_id!r}",
            )
        try:
            pose = self._task_from_base @ pose_from_message(pose_message)
        except ConfigurationError as error:
            raise UnusableInputError("not_finite", str(error)) from error
        wrench = wrench_from_message(self._inputs["wrench"].message)
        wrench = wrench_at_held_piece(wrench, pose, self._frames.tcp_from_sensor)
        observation = build_observation(pose, wrench)
        if not np.isfinite(observation).all():
            raise UnusableInputError("not_finite", "the wrench is not finite")
        return observation

    def _measure_jitter(self, now_s: float, period_s: float) -> None:
        if self._last_tick_s is not None:
            late_s = abs(now_s - self._last_tick_s - period_s)
            self._counts.max_jitter_s = max(self._counts.max_jitter_s, late_s)
        self._last_tick_s = now_s

    def _send(self, twist: Twist) -> None:
        stamp = self.get_clock().now().to_msg()
        self._twists.publish(twist_to_message(twist, TASK_FRAME, stamp))

    # Reporting.

    def _collect(self) -> list[Status]:
        counts, policy = self._counts, self._policy
        self._take_inputs()
        now_s = time.monotonic()
        values: dict[str, object] = {
            "active": self._timer is not None,
            "policy": policy.path if policy else "",
            "sha256": policy.sha256 if policy else "",
            "ticks": counts.ticks,
            "commands": counts.commands,
            "skipped_stale": counts.stale,
            "skipped_not_finite": counts.not_finite,
            "skipped_wrong_frame": counts.wrong_frame,
            "max_jitter_ms": f"{1e3 * counts.max_jitter_s:.3f}",
            "max_inference_ms": f"{1e3 * counts.max_inference_s:.3f}",
        }
        for name, newest in self._inputs.items():
            values[f"{name}_age_ms"] = f"{1e3 * (now_s - newest.arrived_s):.1f}"
        counts.max_jitter_s = counts.max_inference_s = 0.0
        level, message = self._health()
        return [Status("policy", level, message, values)]

    def _health(self) -> tuple[Level, str]:
        if self._fault:
            return Level.ERROR, self._fault
        if self._timer is None:
            return Level.OK, "inactive" if self._policy else "not configured"
        if self._skipped:
            return Level.WARN, f"no command: {self._skipped}"
        return Level.OK, "active"


def _seven(pose: Any) -> list[float]:
    return [*pose.position.tolist(), *pose.quaternion.tolist()]


def _array(label: str, data: NDArray[np.float32]) -> Float32MultiArray:
    """A message whose one dimension carries ``label``."""
    message = Float32MultiArray()
    message.layout.dim = [MultiArrayDimension(label=label, size=data.size, stride=data.size)]
    message.data = data.tolist()
    return message


def main(args: list[str] | None = None) -> int:
    """Entry point of ``ros2 run der_ros policy_server``."""
    return run_node(PolicyServer, args)


if __name__ == "__main__":
    sys.exit(main())
