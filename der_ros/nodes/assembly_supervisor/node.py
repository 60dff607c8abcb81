"""Runs assembly attempts: prepare, bias, activate the policy, watch, deactivate, retract, record.

An attempt is blocking code in its own thread; the executor's thread only receives messages and
answers services. At the end of every attempt the policy is deactivated and the bag is closed.
"""

from __future__ import annotations

import logging
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np

from der_ros.bags.attempt_log import AttemptLog, check_folder
from der_ros.control.approach import Approach, CellError
from der_ros.control.attempt_watch import AttemptWatch, Verdict
from der_ros.control.seating import Seating, SeatingLimits
from der_ros.control.status import Level, Status
from der_ros.control.tries import Try, summary
from der_ros.errors import ConfigurationError
from der_ros.nodes.assembly_supervisor.attempt_bag import AttemptBag
from der_ros.nodes.assembly_supervisor.attempt_topics import AttemptTopics
from der_ros.nodes.assembly_supervisor.cell_client import CellClient
from der_ros.nodes.assembly_supervisor.operator_requests import OperatorRequests
from der_ros.nodes.assembly_supervisor.policy_lifecycle import PolicyLifecycle
from der_ros.nodes.shared.conversions import CellFrames
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.parameters.assembly_supervisor import SupervisorParameters
from der_ros.policy.attempt import AttemptResult, Outcome
from der_ros.policy.home import HomeLimits
from der_ros.policy.rest import RestLimits
from der_ros.policy.stall import StallLimits
from der_ros.tasks import make_task
from der_ros.threads import Worker

logger = logging.getLogger("assembly_supervisor")

WATCH_PERIOD_S = 0.01
CELL_PATIENCE_S = 10.0
SETTLED_S = 0.5
"""Time for which sensor and robot must be free of faults before the first attempt, s."""


class AssemblySupervisor(ShellNode):
    """Node that runs attempts one after the other and reports their results."""

    def __init__(self) -> None:
        super().__init__("assembly_supervisor")
        self._given = declare_settings(self, SupervisorParameters)
        limit_s = self._given.time_limit_s
        self._task = make_task(self._given.task, **({"time_limit_s": limit_s} if limit_s else {}))
        self._stall = declare_settings(self, StallLimits)
        run_dir = _checked_folder(self._given.run_dir)
        self._home = declare_settings(self, HomeLimits)
        self._seating_limits = declare_settings(self, SeatingLimits)
        self._seating_limits.check(self._home.felt_n, self._task.soft_force_n)
        self._cell = CellClient(self, CellFrames.declare(self), service_timeout_s=20.0)
        self._topics = AttemptTopics(self)
        self._operator = OperatorRequests(self, self._given.auto_start)
        self._policy = PolicyLifecycle(
            self, self._cell.calls, lambda: self._cell.trigger("kuka_bridge/stop")
        )
        self._bag = AttemptBag(self, self._cell.calls, self._given.record)
        stop_reason = self._operator.stop_reason
        self._seating = Seating(self._cell, self._seating_limits, self._home.felt_n, stop_reason)
        self._approach = Approach(
            self._cell,
            self._task,
            self._given,
            stop_reason,
            declare_settings(self, RestLimits),
        )
        self._phase = "starting"
        self._began_s = 0.0
        self._concluded: AttemptResult | None = None
        self._results: list[AttemptResult] = []
        self._log = AttemptLog(run_dir)
        self._diagnostics = DiagnosticsPublisher(self, "assembly", self._collect)
        self._worker = Worker(
            "attempts",
            self._run,
            lambda _reason: self.finish(1),
            finite=True,
            daemon=False,
            join_s=3.0,
        )
        self.resources.enter_context(self._worker)

    def _collect(self) -> list[Status]:
        figures = {
            **self._figures(),
            "refused_messages": self._cell.refused,
        }
        wrong = "; ".join(text for text in (self._cell.fault_text(), self._log.fault) if text)
        level = Level.WARN if wrong else Level.OK
        message = f"{self._phase}; {wrong}" if wrong else self._phase
        return [Status("attempts", level, message, figures), self._cell.sources.status()]

    def _figures(self) -> dict[str, object]:
        """Return the numbers of finished attempts, retries, successes and repeated biases."""
        results = list(self._results)
        return {
            "attempts": len({result.attempt for result in results}),
            "retries": sum(result.retry > 0 for result in results),
            "successes": sum(result.outcome is Outcome.SUCCESS for result in results),
            "biases_retaken": sum(result.bias_retaken for result in results),
        }

    # The methods below run in the thread of the attempts.

    def _run(self) -> None:
        code: int | None = None
        try:
            self._prepare_run()
            code = self._run_attempts()
        except CellError as error:
            if not self.is_ending:
                logger.error("%s", error)
                code = 1
        finally:
            # Also after an unexpected error, which ends this thread.
            is_whole = self._flush_log()
            logger.info("%s", summary(self._results))
        if code is not None:
            self.finish(code if is_whole else 1)

    def _flush_log(self) -> bool:
        """Write the results that were not written yet; log those that are lost."""
        lost = self._log.flush()
        for line in lost:
            logger.error("not written to %s: %s", self._log.path, line)
        return not lost

    def _run_attempts(self) -> int | None:
        """Run all attempts; return the exit code 0, or None if the process ends before."""
        numbers = count(1) if not self._given.attempts else range(1, self._given.attempts + 1)
        for number in numbers:
            if self.is_ending:
                return None
            if not self._operator.begins():
                self._enter("waiting for the service assembly_supervisor/start")
                self._cell.wait(self._operator.begins, float("inf"), "assembly_supervisor/start")
            self._run_attempt(number)
        return 0

    def _prepare_run(self) -> None:
        # The policy first: it can be checked before sensor and robot are switched on.
        self._enter("waiting for policy, sensor and robot")
        self._policy.make_ready()
        wait_s = self._given.ready_timeout_s or float("inf")
        self._cell.wait(lambda: self._cell.sensor_ready, wait_s, "the F/T sensor (ft_bridge)")
        # While nodes start, sensor or robot may drop out again.
        self._cell.wait(self._is_healthy, wait_s, "the robot (kuka_bridge)", SETTLED_S)

    def _enter(self, phase: str) -> None:
        self._phase = phase
        logger.info("%s", phase)
        self._topics.feedback(phase, self._figures())

    def _run_attempt(self, number: int) -> None:
        """Run an attempt: its first try, then its retries."""
        following: Try | None = Try(number)
        while following is not None:
            following = self._run_try(following)

    def _run_try(self, this: Try) -> Try | None:
        """Run one try of an attempt; return the next try, or None if the attempt has ended."""
        self._concluded = None
        self._bag.forget()
        self._approach.bias_check.forget()
        self._began_s = time.monotonic()
        self._topics.begin()
        try:
            self._enter(f"{this}: to the start")
            self._prepare_try(this)
            with self._bag.recording():
                self._act(this)
        except CellError as error:
            logger.error("%s: %s", this, error)
            if self._concluded is None:
                stopped = self._operator.stop_reason()
                outcome = Outcome.ABORTED if stopped else Outcome.FAULT
                self._conclude(self._result(this, (outcome, stopped or str(error))))
        return self._follow(this)

    def _follow(self, this: Try) -> Try | None:
        """Log the result of a try and retract; return the next try, or None."""
        result, ended = self._concluded, self._cell.pose()
        if result is None:
            return None
        self._append_to_log(this, self._with_bag(result))
        if not self._recover(result):
            return None
        return this.following(result.outcome, ended, self._task, self._given.retries)

    def _prepare_try(self, this: Try) -> None:
        self._clear_faults()
        # Otherwise a short dropout would fail the remaining attempts one after the other.
        self._wait_until_healthy()
        self._check_seating()
        if self._given.simulated_cell and not this.retry:
            self._approach.retract()
            self._approach.rest()
            self._cell.trigger("sim_cell/reset")
            self._wait_until_healthy()
        self._approach.to_start(this.offset_m)
        self._policy.make_ready()

    def _check_seating(self) -> None:
        """Check that the robot's current limits allow the ground to be felt.

        Raises:
            CellError: The robot would give way before the seating force is reached, or its force
                budget leaves less than what counts as felt.
        """
        limits, felt_n = self._cell.limits, self._home.felt_n
        if limits is None:
            return
        try:
            self._seating_limits.check(felt_n, limits.soft_force_n, limits.pressing_force_n)
        except ConfigurationError as error:
            raise CellError(str(error)) from error

    def _act(self, this: Try) -> None:
        """Run the policy, then the seating motion, and publish the verdict.

        The verdict is published while the bag still records, so that the bag contains it. A verdict
        on the policy is published before the policy is deactivated, which may fail as well.
        """
        with self._policy.active():
            self._cell.restart_commands()
            self._enter(f"{this}: running")
            self._cell.restart_readings()
            self._began_s = time.monotonic()
            watch = AttemptWatch(
                self._task,
                self._stall,
                self._began_s,
                self._home,
                self._seating_limits.patience_s,
                self._cell.action_repeat,
            )
            with self._operator.accepting():
                verdict = self._watch(watch)
            if verdict is not None:
                self._conclude(self._result(this, verdict))
        if verdict is None:
            self._enter(f"{this}: seating")
            self._conclude(self._result(this, self._seating.run(watch)))

    def _watch(self, watch: AttemptWatch) -> Verdict | None:
        """Block until there is a verdict; return None if only the seating motion remains."""
        while True:
            problem = self._cell.check()
            # Asked after the check: the end of the attempt may be the cause of the problem.
            if stopped := self._operator.stop_reason():
                return Outcome.ABORTED, stopped
            if problem:
                return Outcome.FAULT, problem
            pose, now_s = self._cell.known_pose(), time.monotonic()
            force_n = self._cell.insertion_force_n
            verdict = watch.judge(now_s, pose, self._cell.commanded, force_n)
            if verdict is not None or watch.is_seated:
                return verdict
            if self._operator.accepted.is_set():
                return Outcome.SUCCESS, "the operator judges the piece as seated"
            # Published only by this loop, so the messages stop when the watch stops.
            self._cell.publish_watched()
            time.sleep(WATCH_PERIOD_S)

    def _result(self, this: Try, verdict: Verdict) -> AttemptResult:
        pose, goal, peak = self._cell.pose(), self._cell.goal, self._cell.peak
        at_rest = self._approach.bias_check.reading
        outcome, reason = verdict
        return AttemptResult(
            outcome=outcome,
            reason=reason,
            duration_s=time.monotonic() - self._began_s,
            peak_force_n=peak.force_n,
            peak_torque_nm=peak.torque_nm,
            final_position_error_m=float(np.linalg.norm(pose.position - goal.position)),
            final_angle_error_rad=self._task.angle(pose, goal),
            bag=self._bag.path,
            bag_fault=self._bag.fault,
            final_depth_m=float(pose.position[2] - goal.position[2]),
            seating_force_n=self._cell.insertion_force_n,
            attempt=this.attempt,
            retry=this.retry,
            bias_retaken=at_rest.bias_retaken,
            rest_force_n=at_rest.force_n,
            rest_torque_nm=at_rest.torque_nm,
        )

    def _conclude(self, result: AttemptResult) -> None:
        """Publish a result. Clear an earlier start request first if the next attempt needs one.

        A call of assembly_supervisor/start after the result is published starts the next attempt.
        """
        self._concluded = result
        if self._given.start_each or self._needs_a_person(result):
            self._operator.started.clear()
        self._topics.end(result)

    def _needs_a_person(self, result: AttemptResult) -> bool:
        """Return True after a fault on a real robot, which an operator must inspect."""
        return result.outcome is Outcome.FAULT and not self._given.simulated_cell

    def _append_to_log(self, this: Try, result: AttemptResult) -> None:
        """Append the result to the attempt log; a failed write is repeated with a later result."""
        self._log.append(result.to_json())
        self._results.append(result)
        logger.info(
            "%s: %s (%s), %.1f s, peak %.0f N, %.1f mm above flush, pressed with %.0f N",
            this,
            result.outcome.value.upper(),
            result.reason,
            result.duration_s,
            result.peak_force_n,
            1e3 * result.final_depth_m,
            result.seating_force_n,
        )

    def _recover(self, result: AttemptResult) -> bool:
        """Retract the piece, upwards first; return True if it is retracted.

        It stays in place after an operator's stop and after a fault on a real robot. The operator
        must then inspect the cell and call assembly_supervisor/start.
        """
        if result.outcome is Outcome.ABORTED or self._needs_a_person(result):
            return False
        self._enter("retracting")
        try:
            self._clear_faults()
            self._approach.retract()
        except CellError as error:
            # Not fatal: the next attempt retracts first.
            logger.warning("could not retract: %s", error)
            return False
        return True

    def _clear_faults(self) -> None:
        """Wait until no fault is latched; only a simulated cell is reset automatically."""
        if not self._cell.faults:
            return
        self._enter("waiting for the reset of: " + self._cell.fault_text())
        if self._given.simulated_cell:
            self._cell.reset_faults()
        patience_s = 10.0 if self._given.simulated_cell else float("inf")
        try:
            self._cell.wait(lambda: not self._cell.faults, patience_s, "the reset of the fault")
        except CellError as error:
            raise CellError(self._cell.fault_text() or str(error)) from error

    def _with_bag(self, result: AttemptResult) -> AttemptResult:
        """Return the result with the bag's path and fault; publish it again if it changes."""
        concluded = self._bag.named_in(result)
        if concluded != result:
            self._topics.end(concluded)
        return concluded

    def _is_healthy(self) -> bool:
        return self._cell.sensor_ready and not self._cell.problem()

    def _wait_until_healthy(self) -> None:
        """Wait until the cell has no fault and no stale input.

        Raises:
            CellError: The problem persists; the message names it.
        """
        try:
            self._cell.wait(
                lambda: not self._cell.problem(), CELL_PATIENCE_S, "a cell without fault"
            )
        except CellError as error:
            raise CellError(self._cell.problem() or str(error)) from error


def _checked_folder(run_dir: str) -> Path:
    """Return the run folder after checking that it is writable.

    Raises:
        ConfigurationError: The name is empty, or the folder cannot be written.
    """
    if not run_dir:
        raise ConfigurationError("parameter run_dir: expected a folder, got an empty text")
    check_folder(Path(run_dir))
    return Path(run_dir)


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(AssemblySupervisor, args)


if __name__ == "__main__":
    sys.exit(main())
