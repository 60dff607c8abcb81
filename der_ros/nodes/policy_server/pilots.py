"""Pilots that act in place of a policy: a person at a device, or a script that knows the goal.

A pilot is called like a policy and has the contract of one, so everything around it stays the
same: pairing and age of the readings, rate, watching, limits, fault, and the recorded bag.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Joy

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.nodes.shared.conversions import pose_from_message
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.sources import Sources
from der_ros.parameters.policy_server import JOY, POLICY, SCRIPTED, TeleopParameters
from der_ros.policy.contract import PolicyContract
from der_ros.tasks import make_task
from der_ros.tasks.oracle import oracle_action
from der_ros.teleop.axis_map import load_map
from der_ros.teleop.gate import GateState, Reading, TeleopGate

JOY_TOPIC, GOAL_TOPIC = "joy", "sim_cell/goal_pose"
SOURCES: Mapping[str, Mapping[str, str]] = {
    POLICY: {},
    JOY: {JOY_TOPIC: "teleop_device joy_node spacenav_node"},
    SCRIPTED: {GOAL_TOPIC: "sim_cell"},
}
"""The topics of each pilot and the nodes that may publish them."""
MADE_BY = {POLICY: "policy", JOY: "human", SCRIPTED: "scripted"}
"""Maker of a demonstration, by pilot."""
# An upward push of the ground on the held piece, N; readings in the air stay below it.
_TOUCH_N = 5.0
_JOY_QUEUE = QoSProfile(depth=50)


class Actor(Protocol):
    """A policy or a pilot, which ``policy_server`` asks for actions.

    Attributes:
        contract: rates, units and limits of the actions.
        sha256: of the policy's file; empty for a pilot.
        path: of the policy's file; of a pilot, the file whose contract it keeps.
    """

    contract: PolicyContract
    sha256: str
    path: Path

    def __call__(self, observation: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Return the action (6,) in [-1, 1] for an observation (13,)."""
        ...


class TeleopInput:
    """A device's readings behind the gate.

    Args:
        node: that subscribes to ``joy`` and declares ``axis_map`` and ``joy_timeout_s``.
        sources: whose readings count.

    Raises:
        ConfigurationError: there is no such axis map, or it is wrong.
    """

    def __init__(self, node: Node, sources: Sources) -> None:
        given = declare_settings(node, TeleopParameters)
        self._gate = TeleopGate(load_map(given.axis_map), given.joy_timeout_s)
        rightful = sources.topic(JOY_TOPIC)
        self._readings = PolledSubscription(node, Joy, JOY_TOPIC, _JOY_QUEUE, rightful=rightful)
        self.problem = ""
        """Why the latest reading was refused; empty where it was not."""

    def take(self) -> list[str]:
        """Read new messages; return the functions whose buttons were just pressed."""
        presses: list[str] = []
        for received in self._readings.take():
            message = received.message
            reading = Reading(message.axes.tolist(), list(message.buttons), received.arrived_s)
            try:
                presses += self._gate.take(reading)
                self.problem = ""
            except ConfigurationError as error:
                self.problem = str(error)
        return presses

    def state(self) -> GateState:
        """Return what the gate does now."""
        return self._gate.state(time.monotonic())

    def action(self) -> NDArray[np.float32]:
        """Return the person's action (6,) now; zero at rest."""
        return self._gate.action(time.monotonic()).astype(np.float32)

    def valid_until_s(self) -> float:
        """Return the moment at which the newest reading stops to count, ``time.monotonic``."""
        return self._gate.valid_until_s()

    def report(self) -> dict[str, object]:
        """Return the figures for the diagnostics."""
        return {
            "pilot_state": self.problem or self.state().value,
            "pilot_speed": self._gate.speed,
            "pilot_refused_readings": self._gate.refused,
        }


class JoyPilot:
    """Pilot for a person at an input device.

    Args:
        reference: policy whose contract the demonstration keeps.
        device: readings of the device.
    """

    sha256 = ""

    def __init__(self, reference: Actor, device: TeleopInput) -> None:
        self.contract, self.path = reference.contract, reference.path
        self._device = device

    def __call__(self, _observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the person's action (6,)."""
        self._device.take()
        return self._device.action()


class GoalInput:
    """The true goal that a simulated cell publishes.

    Args:
        node: that subscribes.
        sources: whose goal counts.
    """

    def __init__(self, node: Node, sources: Sources) -> None:
        rightful = sources.topic(GOAL_TOPIC)
        self._goals = PolledSubscription(
            node, PoseStamped, GOAL_TOPIC, LATCHED_AMONG_OTHERS, rightful=rightful
        )
        self._goal: Pose | None = None

    def goal(self) -> Pose | None:
        """Return the newest goal, task frame; None before one has come."""
        newest = self._goals.newest()
        if newest is not None:
            # A message without a valid pose leaves the goal as it is.
            with suppress(ConfigurationError):
                self._goal = pose_from_message(newest.message)
        return self._goal

    def report(self) -> dict[str, object]:
        """Return the figures for the diagnostics."""
        return {"pilot_state": "goal known" if self._goal else "waiting for the goal"}


class ScriptedPilot:
    """The controller that knows the true goal, for simulated cells only.

    Args:
        reference: policy whose contract the demonstration keeps.
        goals: the cell's true goal.
    """

    sha256 = ""

    def __init__(self, reference: Actor, goals: GoalInput) -> None:
        self.contract, self.path = reference.contract, reference.path
        self._task, self._goals = make_task(self.contract.task), goals

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action (6,) towards the goal; zero before the goal is known."""
        goal = self._goals.goal()
        if goal is None:
            return np.zeros(6, np.float32)
        numbers = observation.astype(np.float64).tolist()
        pose = Pose.from_sequence(numbers[:7], "observation")
        touching = numbers[9] > _TOUCH_N
        return oracle_action(self._task, pose, goal, touching).astype(np.float32)


def pilot_input(pilot: str, node: Node, sources: Sources) -> TeleopInput | GoalInput | None:
    """Return what a pilot listens to: a ``TeleopInput``, a ``GoalInput``, or None for a policy."""
    if pilot == JOY:
        return TeleopInput(node, sources)
    return GoalInput(node, sources) if pilot == SCRIPTED else None


def actor(pilot: str, reference: Actor, source: Any) -> Actor:
    """Return the actor: the policy, or the pilot in its place."""
    if pilot == JOY:
        return JoyPilot(reference, source)
    return ScriptedPilot(reference, source) if pilot == SCRIPTED else reference
