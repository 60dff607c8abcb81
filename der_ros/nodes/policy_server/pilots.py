"""Pilots that act in place of a policy: an operator at a device, or a script that knows the goal.

A pilot is called like a policy and has a policy's contract. Everything around it therefore stays
the same: pairing and age of the inputs, rate, watch, limits, faults and the recorded bag.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

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
from der_ros.policy.task_contract import task_contract
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
"""Topics of each pilot, with the nodes that may publish them."""
MADE_BY = {POLICY: "policy", JOY: "human", SCRIPTED: "scripted"}
"""Maker of a demonstration, by pilot."""
# Upward force of the ground on the held piece that means contact, N; above any reading in air.
_TOUCH_N = 5.0
_JOY_QUEUE = QoSProfile(depth=50)


class Actor(Protocol):
    """Policy or pilot that provides the actions of ``policy_server``.

    Attributes:
        contract: Rate, units and limits of the actions.
        sha256: SHA-256 of the policy file; empty for a pilot.
        path: Policy file; for a pilot, the policy file whose contract it keeps.
    """

    contract: PolicyContract
    sha256: str
    path: Path

    def __call__(self, observation: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Return the action, shape (6,), in [-1, 1], for an observation, shape (13,)."""
        ...


class Reference(Protocol):
    """Contract that a pilot keeps.

    Attributes:
        contract: Rate, units and limits of the actions.
        path: Policy file of the contract; empty without one.
    """

    contract: PolicyContract
    path: Path


class TaskReference:
    """Contract of a task, for a pilot without a policy file: a first policy can be taught.

    Args:
        task: Name of the task.
    """

    def __init__(self, task: str) -> None:
        self.contract = task_contract(task)
        self.path = Path()


class TeleopInput:
    """Input device, read from ``joy`` and filtered by a ``TeleopGate``.

    Args:
        node: Node that subscribes to ``joy`` and declares ``axis_map`` and ``joy_timeout_s``.
        sources: Watch over the rightful publishers of ``joy``.

    Raises:
        ConfigurationError: The axis map does not exist or is invalid.
    """

    def __init__(self, node: Node, sources: Sources) -> None:
        given = declare_settings(node, TeleopParameters)
        self._gate = TeleopGate(load_map(given.axis_map), given.joy_timeout_s)
        rightful = sources.topic(JOY_TOPIC)
        self._readings = PolledSubscription(node, Joy, JOY_TOPIC, _JOY_QUEUE, rightful=rightful)
        self.problem = ""
        """Reason why the latest reading was refused; empty if it was accepted."""

    def take(self) -> list[str]:
        """Read new messages; return the functions of the buttons pressed since the last call."""
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
        """Return the current state of the gate."""
        return self._gate.state(time.monotonic())

    def action(self) -> NDArray[np.float32]:
        """Return the operator's current action, shape (6,), in [-1, 1]; zero at rest."""
        return self._gate.action(time.monotonic()).astype(np.float32)

    def valid_until_s(self) -> float:
        """Return the time at which the newest reading expires, s (``time.monotonic``)."""
        return self._gate.valid_until_s()

    def actor(self, reference: Reference) -> JoyPilot:
        """Return a pilot that acts as the operator does, under the contract of ``reference``."""
        return JoyPilot(reference, self)

    def report(self) -> dict[str, object]:
        """Return state, speed and refused readings for the diagnostics."""
        return {
            "pilot_state": self.problem or self.state().value,
            "pilot_speed": self._gate.speed,
            "pilot_refused_readings": self._gate.refused,
        }


class JoyPilot:
    """Pilot that returns the actions of an operator at an input device.

    Args:
        reference: Contract that the pilot keeps.
        device: Input device.
    """

    sha256 = ""

    def __init__(self, reference: Reference, device: TeleopInput) -> None:
        self.contract, self.path = reference.contract, reference.path
        self._device = device

    def __call__(self, _observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the operator's action, shape (6,), in [-1, 1]."""
        self._device.take()
        return self._device.action()


class GoalInput:
    """Subscription to the true goal that a simulated cell publishes.

    Args:
        node: Subscribing node.
        sources: Watch over the rightful publishers of the goal.
    """

    def __init__(self, node: Node, sources: Sources) -> None:
        rightful = sources.topic(GOAL_TOPIC)
        self._goals = PolledSubscription(
            node, PoseStamped, GOAL_TOPIC, LATCHED_AMONG_OTHERS, rightful=rightful
        )
        self._goal: Pose | None = None

    def goal(self) -> Pose | None:
        """Return the newest goal pose in the task frame; None before the first."""
        newest = self._goals.newest()
        if newest is not None:
            # An invalid pose leaves the goal unchanged.
            with suppress(ConfigurationError):
                self._goal = pose_from_message(newest.message)
        return self._goal

    def actor(self, reference: Reference) -> ScriptedPilot:
        """Return a pilot that moves to the goal, under the contract of ``reference``."""
        return ScriptedPilot(reference, self)

    def report(self) -> dict[str, object]:
        """Return the state of the goal for the diagnostics."""
        return {"pilot_state": "goal known" if self._goal else "waiting for the goal"}


class ScriptedPilot:
    """Scripted pilot that knows the true goal, for simulated cells only.

    Args:
        reference: Contract that the pilot keeps.
        goals: Subscription to the true goal.
    """

    sha256 = ""

    def __init__(self, reference: Reference, goals: GoalInput) -> None:
        self.contract, self.path = reference.contract, reference.path
        self._task, self._goals = make_task(self.contract.task), goals

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action towards the goal, shape (6,), in [-1, 1]; zero without a goal."""
        goal = self._goals.goal()
        if goal is None:
            return np.zeros(6, np.float32)
        numbers = observation.astype(np.float64).tolist()
        pose = Pose.from_sequence(numbers[:7], "observation")
        touching = numbers[9] > _TOUCH_N
        return oracle_action(self._task, pose, goal, touching).astype(np.float32)


def pilot_input(pilot: str, node: Node, sources: Sources) -> TeleopInput | GoalInput | None:
    """Return the input of a pilot: a ``TeleopInput``, a ``GoalInput``, or None for a policy."""
    if pilot == JOY:
        return TeleopInput(node, sources)
    return GoalInput(node, sources) if pilot == SCRIPTED else None
