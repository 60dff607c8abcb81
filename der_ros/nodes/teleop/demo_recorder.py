"""Keeps the successful attempts of an operator or a script as demonstrations.

``assembly_supervisor`` runs each attempt and ``bag_recorder`` records it, as in a deployment. This
node handles the device's buttons (start, success, discard, redo), moves the bag of each success
into the folder ``out``, deletes the other bags, and ends when the folder holds ``episodes``
demonstrations.

Subscribed topics: ``joy``, ``assembly_supervisor/status``, ``assembly_supervisor/result``.
Published topic: ``teleop/status`` (DiagnosticStatus, latched: kept demonstrations and next step).
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from action_msgs.msg import GoalStatus, GoalStatusArray
from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import Trigger

from der_ros.bags.demonstrations import DemonstrationFacts, DemonstrationFolder, now_text
from der_ros.control.status import Level, Status
from der_ros.errors import BagError, ConfigurationError
from der_ros.installation import package_version
from der_ros.nodes.policy_server.pilots import MADE_BY, SOURCES, TeleopInput
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.key_values import from_status, to_status
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED, LATCHED_AMONG_OTHERS
from der_ros.nodes.shared.sources import Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.parameters.policy_server import JOY, SCRIPTED
from der_ros.parameters.teleop import DemoParameters
from der_ros.policy.attempt import Outcome

logger = logging.getLogger("demo_recorder")

_TICK_S = 0.05
# Longest time from the result of an attempt until its bag is complete.
_BAG_PATIENCE_S = 20.0
_SUPERVISOR_TOPICS = {
    f"assembly_supervisor/{name}": "assembly_supervisor" for name in ("status", "result")
}
_SERVICES = ("start", "stop", "accept")
_HELP = {
    JOY: "press start; hold the dead-man button to move",
    SCRIPTED: "the script demonstrates",
}


class _Verdict(NamedTuple):
    """Result of a finished attempt, with its bag, if any, and the deadline for a complete one."""

    outcome: str
    duration_s: float
    peak_force_n: float
    bag: Path | None
    deadline_s: float


class DemoRecorder(ShellNode):
    """Node that keeps the bags of successful attempts as demonstrations."""

    def __init__(self) -> None:
        super().__init__("demo_recorder")
        self._given = declare_settings(self, DemoParameters)
        if not self._given.out:
            raise ConfigurationError("parameter out: expected a folder, got an empty text")
        self._folder = DemonstrationFolder(Path(self._given.out))
        person = self._given.pilot == JOY
        topics = {**_SUPERVISOR_TOPICS, **(SOURCES[JOY] if person else {})}
        services = {f"assembly_supervisor/{name}": "assembly_supervisor" for name in _SERVICES}
        self._sources = Sources(self, topics, services)
        self._device = TeleopInput(self, self._sources) if person else None
        self._states = self._subscribe(GoalStatusArray, "assembly_supervisor/status")
        self._results = self._subscribe(DiagnosticStatus, "assembly_supervisor/result")
        self._supervisor = {
            name: self.create_client(Trigger, f"assembly_supervisor/{name}") for name in _SERVICES
        }
        self._executing = self._discarded = False
        self._pending: _Verdict | None = None
        self._failures = 0
        self._shown = ""
        self._publisher = self.create_publisher(DiagnosticStatus, "teleop/status", LATCHED)
        self._diagnostics = DiagnosticsPublisher(self, "demonstrations", self._collect)
        self._kept = len(self._folder.paths())
        logger.info(
            "%d of %d demonstrations in %s", self._kept, self._given.episodes, self._given.out
        )
        self._wants_start = not person
        steady_timer(self, _TICK_S, self._tick)

    def _subscribe(self, message_class: Any, topic: str) -> PolledSubscription:
        rightful = self._sources.topic(topic)
        return PolledSubscription(
            self, message_class, topic, LATCHED_AMONG_OTHERS, rightful=rightful
        )

    def _tick(self) -> None:
        """Handle results and buttons, keep or remove finished attempts, and start the next one."""
        if self.finished.is_set():
            return
        if self._kept >= self._given.episodes:
            logger.info("all %d demonstrations are in %s", self._given.episodes, self._given.out)
            self.finish(0)
            return
        for received in self._states.take():
            states = [entry.status for entry in received.message.status_list]
            self._executing = GoalStatus.STATUS_EXECUTING in states
        for received in self._results.take():
            self._note(from_status(received.message))
        for button in self._device.take() if self._device else ():
            self._on_button(button)
        self._settle()
        self._start_if_due()
        self._show()

    def _note(self, values: dict[str, str]) -> None:
        """Store a result; a second one for the same attempt replaces it, with the bag's path."""
        try:
            duration_s, peak_n = float(values["duration_s"]), float(values["peak_force_n"])
            self._pending = _Verdict(
                values["outcome"],
                duration_s,
                peak_n,
                # An empty path would be the folder in which the launch was started.
                Path(values["bag"]) if values["bag"] else None,
                time.monotonic() + _BAG_PATIENCE_S,
            )
        except (KeyError, ValueError) as error:
            logger.warning("assembly_supervisor/result refused: %r", error)

    def _on_button(self, button: str) -> None:
        if button in ("discard", "redo") and self._executing:
            self._discarded = True
            self._call("stop")
        if button == "success" and self._executing:
            self._call("accept")
        starts = button == "start" and not self._executing and self._pending is None
        if button == "redo" or starts:
            self._wants_start = True

    def _settle(self) -> None:
        """Keep or remove the bag of a finished attempt once the bag is complete."""
        verdict = self._pending
        if verdict is None or self._executing:
            return
        bag, kept = verdict.bag, False
        why = "discarded" if self._discarded else verdict.outcome
        if bag is None:  # the recorder made none, or the attempt ended before it acted
            logger.warning("not kept: %s, without a bag", why)
        elif (bag / "metadata.yaml").is_file():
            if why == Outcome.SUCCESS.value:
                kept = self._keep(verdict, bag)
            else:
                shutil.rmtree(bag, ignore_errors=True)
                logger.info("not kept: %s", why)
        elif time.monotonic() > verdict.deadline_s:
            logger.error(
                "expected a complete bag of this attempt within %g s, got none; the attempt is not "
                "kept",
                _BAG_PATIENCE_S,
            )
        else:
            return
        self._close_attempt(kept)

    def _keep(self, verdict: _Verdict, bag: Path) -> bool:
        parameters = self._given
        facts = DemonstrationFacts(
            made_by=MADE_BY[parameters.pilot],
            task=parameters.task,
            robot=parameters.robot,
            seed=parameters.seed,
            version=package_version(),
            created=now_text(),
            duration_s=verdict.duration_s,
            peak_force_n=verdict.peak_force_n,
        )
        try:
            path = self._folder.keep(bag, facts)
        except BagError as error:
            logger.error("%s", error)
            return False
        self._kept += 1
        logger.info("kept %s: %.1f s, peak %.0f N", path, verdict.duration_s, verdict.peak_force_n)
        return True

    def _close_attempt(self, kept: bool) -> None:
        self._pending, self._discarded = None, False
        self._failures = 0 if kept else self._failures + 1
        if self._given.pilot != SCRIPTED:
            return
        self._wants_start = True
        if self._failures >= self._given.max_failures:
            logger.error("%d attempts in a row failed; see attempts.jsonl", self._failures)
            self.finish(1)

    def _start_if_due(self) -> None:
        ready = self._supervisor["start"].service_is_ready()
        if self._wants_start and ready and not self._executing and self._pending is None:
            self._wants_start = False
            self._call("start")

    def _call(self, name: str) -> None:
        """Call a service of ``assembly_supervisor``; log a refusal."""
        future = self._supervisor[name].call_async(Trigger.Request())

        def log(done: Any) -> None:
            answer = done.result()
            if answer is not None and not answer.success:
                logger.warning("%s refused: %s", name, answer.message)

        future.add_done_callback(log)

    def _show(self) -> None:
        """Publish and log the status for the operator when it changes."""
        kept = self._kept
        state = self._state()
        text = f"{kept} of {self._given.episodes} kept; {state}"
        if text == self._shown:
            return
        self._shown = text
        logger.info("%s", text)
        values = {"kept": kept, "wanted": self._given.episodes, "state": state}
        self._publisher.publish(to_status("teleop", values, text))

    def _state(self) -> str:
        if self._pending is not None:
            return "the attempt has ended"
        device = self._device
        if device is not None and device.problem:
            return device.problem
        if not self._executing or device is None:
            return "under way" if self._executing else _HELP[self._given.pilot]
        return device.state().value

    def _collect(self) -> list[Status]:
        wrong = "; ".join(self._sources.wrong)
        level = Level.ERROR if wrong else Level.OK
        values = {
            "kept": self._kept,
            **(self._device.report() if self._device else {}),
        }
        return [Status("demonstrations", level, wrong or self._shown, values)]


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(DemoRecorder, args)


if __name__ == "__main__":
    sys.exit(main())
