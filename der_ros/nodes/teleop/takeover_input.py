"""Operator takeover: an input device that drives one rollout worker of a training."""

from __future__ import annotations

import logging
import time

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from der_ros.control.status import Level, Status
from der_ros.nodes.policy_server.pilots import JOY_TOPIC, SOURCES, TeleopInput
from der_ros.nodes.shared.key_values import to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.rightful import ANY_ONE
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.nodes.teleop.taught_view import TaughtFilm, TaughtState
from der_ros.parameters.policy_server import JOY
from der_ros.parameters.teleop import TOPIC
from der_ros.teleop.gate import GateState
from der_ros.training.engine.local.shared_pilot import SharedPilot

logger = logging.getLogger("teach")

_TICK_S = 0.02
_PATIENCE_S = 1.0  # a worker that begins an episode takes its next step within this time
_SOURCES = {JOY: SOURCES[JOY], TOPIC: {JOY_TOPIC: ANY_ONE}}
_STATES = {
    GateState.NO_DEVICE: "no device yet: the policy acts",
    GateState.SILENT: "the device is silent: the policy acts",
    GateState.NOT_NEUTRAL: "let go of all sticks: they have not been seen at rest",
    GateState.RELEASED: "the policy acts: hold the dead-man button to take over",
    GateState.LIVE: "you drive",
}
# The operator's episode has ended, or an evaluation is running.
_NOT_FOLLOWED = "the policy acts: let go and press again to take over"


class TakeoverInput:
    """Input device whose actions go into the shared memory that the taught worker reads.

    Published topics: ``teleop/status`` (DiagnosticStatus, latched: current actor, and the step to
    take over), and the taught worker's world while subscribed: ``teleop/image`` (Image),
    ``teleop/pose`` and ``teleop/goal_pose`` (PoseStamped) and ``teleop/wrench`` (WrenchStamped).

    Args:
        node: Node that subscribes to ``joy``.
        device: ``joy`` or ``topic``, as in ``TakeoverParameters``.

    Attributes:
        pilot: Shared memory with the operator's actions, for the training run.

    Raises:
        ConfigurationError: The axis map does not exist or is invalid.
    """

    def __init__(self, node: Node, device: str) -> None:
        self._sources = Sources(node, _SOURCES[device], {})
        self._device = TeleopInput(node, self._sources)
        self.pilot = SharedPilot()
        self._shown = ""
        self._released_s = time.monotonic()
        self._publisher = node.create_publisher(DiagnosticStatus, "teleop/status", LATCHED)
        self._film, self._world = TaughtFilm(node), TaughtState(node)
        steady_timer(node, _TICK_S, self._tick)

    def _tick(self) -> None:
        """Read the device and pass the operator's action on."""
        device = self._device
        device.take()
        if device.state() is GateState.LIVE:
            self.pilot.give(device.action(), device.valid_until_s())
        else:
            self.pilot.release()
            self._released_s = time.monotonic()
        self._show()
        self._show_world()

    def _show(self) -> None:
        """Publish and log the status for the operator when it changes."""
        state = self._state()
        if state == self._shown:
            return
        self._shown = state
        logger.info("%s", state)
        self._publisher.publish(to_status("teleop", {"state": state}, state))

    def _show_world(self) -> None:
        """Publish the newest view of the taught worker, if a topic of it has a subscriber."""
        film_watched = self._film.is_watched
        self.pilot.watch(film_watched or self._world.is_watched)
        view = self.pilot.view()
        if view is not None:
            self._world.show(view)
            if film_watched:
                self._film.show(view, self._shown)

    def _state(self) -> str:
        state = self._device.state()
        if state is GateState.LIVE and not self._is_followed():
            return _NOT_FOLLOWED
        return self._device.problem or _STATES[state]

    def _is_followed(self) -> bool:
        """Return False if the worker has not used the operator's actions for 1 s."""
        newest_s = max(self.pilot.driven_s, self._released_s)
        return time.monotonic() - newest_s < _PATIENCE_S

    def status(self) -> Status:
        """Return the diagnostic status of the device and its publishers."""
        wrong = "; ".join(self._sources.wrong)
        level = Level.ERROR if wrong else Level.WARN if self._device.problem else Level.OK
        return Status("teach", level, wrong or self._state(), self._device.report())
