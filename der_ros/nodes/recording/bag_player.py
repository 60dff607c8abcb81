"""Plays the inputs of a recorded attempt to a running ``policy_server`` and checks its actions.

The node publishes pose, wrench, limits and the watch signal in place of a robot. It therefore plays
only in a namespace of its own (``replay``), and ends if a node there could move a robot. Each
activation of the policy begins with the first tick of the bag.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import SetBool, Trigger

from der_ros.bags.bag_replay import ReplayVerdict
from der_ros.bags.pauses import Pause
from der_ros.control.status import Level, Status
from der_ros.errors import DerRosError
from der_ros.nodes.recording.played_topics import (
    ANSWER_TOPICS,
    SERVER,
    AnswerTopics,
    InputTopics,
    problem_of_graph,
)
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.sources import CHECK_S, Sources
from der_ros.nodes.shared.steady import steady_timer
from der_ros.offline_replay.junit_report import JUnitCase, write_junit
from der_ros.offline_replay.live.live_check import LiveCheck
from der_ros.offline_replay.live.playback import Playback
from der_ros.offline_replay.live.played_bag import (
    PLAYED_TOPICS,
    PLAYER,
    PlayedBag,
    namespace_problem,
    read_played_bag,
    stale_after_s,
)
from der_ros.parameters.bag_player import PlayerParameters

logger = logging.getLogger(PLAYER)

_TICK_S = 0.005
# Long, because a busy computer is slow to discover nodes and load a policy.
_PATIENCE_S, _ANSWER_PATIENCE_S = 30.0, 10.0
# Time after which all messages sent before the deactivation have arrived.
_SETTLE_S = 0.3
_STAND_S = 0.02
_CHANGE, _RECORD = f"{SERVER}/change_state", "bag_recorder/record"


class LiveReplayError(DerRosError):
    """Error that prevents or ends a live replay."""


class _Replay(NamedTuple):
    """Replay of an open bag."""

    bag: PlayedBag
    playback: Playback
    check: LiveCheck


class BagPlayer(ShellNode):
    """Node that plays a bag to ``policy_server`` and checks the actions."""

    def __init__(self) -> None:
        super().__init__(PLAYER)
        self._given = declare_settings(self, PlayerParameters)
        own = self.get_fully_qualified_name()
        owners = {**dict.fromkeys(PLAYED_TOPICS, own), **dict.fromkeys(ANSWER_TOPICS, SERVER)}
        servers = {_CHANGE: SERVER, _RECORD: "bag_recorder"}
        self._sources = Sources(self, owners, servers, self._on_wrong)
        self._inputs = InputTopics(self, self._given.publish_clock)
        self._answers = AnswerTopics(self, self._sources)
        self._change_state = self.create_client(ChangeState, _CHANGE)
        self._recorder = self.create_client(SetBool, _RECORD)
        self.create_service(SetBool, f"{PLAYER}/pause", self._on_pause)
        self.create_service(Trigger, f"{PLAYER}/restart", self._on_restart)
        self._replay: _Replay | None = None  # once the bag is open
        self._wrong, self._state = "", "starting"
        self._jumps = self._is_concluded = False
        self._paused: Pause | None = None
        self._began_s = time.monotonic()
        self._steps = self._run()
        self._diagnostics = DiagnosticsPublisher(self, "replay", self._collect)
        steady_timer(self, CHECK_S, self._check_graph)
        steady_timer(self, _TICK_S, self._tick)

    def _on_wrong(self, wrong: str) -> None:
        """Store and log the first problem, which ends the replay."""
        if not self._wrong:
            self._wrong = wrong
            logger.error("%s", wrong)

    def _check_graph(self) -> None:
        """Check the ROS graph for nodes that could move a robot, and for another clock."""
        if problem := problem_of_graph(self, self._given.publish_clock):
            self._on_wrong(problem)

    def _tick(self) -> None:
        """Read the policy's outputs and run the next step of the replay."""
        if self._is_concluded or self.finished.is_set():
            return
        if self._replay is not None:
            bag, playback, check = self._replay
            self._answers.take(check)
            position_ns = int(1e9 * playback.position_s(time.monotonic()))
            self._inputs.keep_alive(bag.start_ns + position_ns)
        try:
            next(self._steps)
        except StopIteration:
            self._conclude()
        except DerRosError as error:
            self._conclude(str(error))

    # The replay as generators: each ``yield`` waits for the next tick.

    def _run(self) -> Iterator[None]:
        """Run the replay: play the bag once, or repeatedly with ``loop``.

        Raises:
            LiveReplayError: The replay cannot begin or continue.
        """
        if problem := namespace_problem(self.get_namespace()):
            raise LiveReplayError(problem)
        if not self._given.bag:
            raise LiveReplayError("parameter bag: expected a folder, got an empty text")
        bag = read_played_bag(Path(self._given.bag))
        check = LiveCheck(bag, self._given.tolerance)
        playback = Playback([tick.at_s for tick in bag.ticks], self._given.rate)
        replay = self._replay = _Replay(bag, playback, check)
        self._inputs.send_limits(bag.setup.limits)
        yield from self._until(lambda: self._inputs.are_heard, f"{SERVER} to subscribe")
        yield from self._until_checked()
        yield from self._record(True)
        yield from self._change(Transition.TRANSITION_CONFIGURE, "configure")
        while not self._wrong and (self._given.loop or self._jumps or check.laps == 0):
            self._jumps = False
            yield from self._play(replay)
        yield from self._record(False)

    def _play(self, replay: _Replay) -> Iterator[None]:
        """Play the bag from its first tick until its end, a restart or a problem."""
        bag, playback, check = replay
        playback.rewind()
        while playback.is_held and not self._wrong:
            self._state = "paused before the first tick"
            yield
        check.begin_lap()
        yield from self._change(Transition.TRANSITION_ACTIVATE, "activate")
        yield from self._stand(replay)
        self._state, self._paused = "playing", None
        while not (self._wrong or self._jumps):
            now_s = time.monotonic()
            self._pass_pause(replay, now_s)
            if playback.is_over(now_s, bag.policy.control_dt_s):
                break
            due = playback.due(now_s)
            if due is not None:
                self._inputs.send(bag.ticks[due])
                check.sent(now_s)
            yield
        yield from self._change(Transition.TRANSITION_DEACTIVATE, "deactivate")
        ended_s = time.monotonic()
        check.rest(ended_s + 0.5 * _SETTLE_S)
        yield from self._until(lambda: time.monotonic() > ended_s + _SETTLE_S, "rest")

    def _pass_pause(self, replay: _Replay, now_s: float) -> None:
        """Expect rest while the recording was paused, and log the begin of the pause."""
        bag, playback, check = replay
        paused = bag.pause_at(playback.position_s(now_s))
        if paused == self._paused:
            return
        self._paused, self._state = paused, "playing"
        if paused is None:
            check.move()
            return
        check.rest(now_s + self._stale_s(bag) + _SETTLE_S)
        self._state = f"the recording was {paused.in_words(bag.start_ns)}: nothing is played"
        logger.info("%s", self._state)

    def _stale_s(self, bag: PlayedBag) -> float:
        return stale_after_s(bag.policy.control_dt_s, self._given.rate)

    def _stand(self, replay: _Replay) -> Iterator[None]:
        """Repeat the first tick until the policy acts; start the playback half a tick later.

        The action reveals the phase of the policy's timer. At a rate of 1, each tick of the policy
        then falls midway between two ticks of the bag.
        """
        bag, playback, check = replay
        self._state = "standing at the first tick"
        self._answers.await_next()
        sent_s = 0.0
        waits_until_s = time.monotonic() + _ANSWER_PATIENCE_S
        while self._answers.answered_s is None and not (self._wrong or self._jumps):
            now_s = time.monotonic()
            if playback.is_held:
                waits_until_s = now_s + _ANSWER_PATIENCE_S
            elif now_s > waits_until_s:
                why = self._answers.warning or "see its log"
                raise LiveReplayError(f"{SERVER} did not answer the first tick by an action: {why}")
            elif now_s - sent_s > _STAND_S:
                self._inputs.send(bag.ticks[0])
                sent_s = now_s
            yield
        if self._answers.answered_s is not None:
            playback.begin(self._answers.answered_s, 0.5 * bag.policy.control_dt_s)
            check.sent(self._answers.answered_s)

    def _change(self, transition: int, name: str) -> Iterator[None]:
        """Request a lifecycle transition from ``policy_server``."""
        request = ChangeState.Request()
        request.transition.id = transition
        answer = yield from self._ask(self._change_state, request, _CHANGE)
        if not answer.success:
            raise LiveReplayError(f"{SERVER} could not {name}; see its log")

    def _record(self, on: bool) -> Iterator[None]:
        """Let ``bag_recorder`` start or finish a bag, if the parameter ``record`` is set."""
        if not self._given.record:
            return
        answer = yield from self._ask(self._recorder, SetBool.Request(data=on), _RECORD)
        if not answer.success:
            raise LiveReplayError(f"{_RECORD} refused: {answer.message}")

    def _ask(self, client: Any, request: Any, name: str) -> Generator[None, None, Any]:
        """Call a service and return its response."""
        yield from self._until(client.service_is_ready, f"the service {name}")
        future = client.call_async(request)
        yield from self._until(future.done, f"an answer of {name}")
        return future.result()

    def _until_checked(self) -> Iterator[None]:
        """Wait for two checks of the ROS graph; raise if they find a problem."""
        checked_s = time.monotonic() + 2.0 * CHECK_S
        yield from self._until(lambda: time.monotonic() > checked_s or bool(self._wrong), "a check")
        if self._wrong:
            raise LiveReplayError(self._wrong)

    def _until(self, predicate: Callable[[], bool], what: str) -> Iterator[None]:
        ends_s = time.monotonic() + _PATIENCE_S
        while not predicate():
            if time.monotonic() > ends_s:
                raise LiveReplayError(f"expected {what} within {_PATIENCE_S:g} s, it did not come")
            yield

    # Services.

    def _on_pause(self, request: Any, response: Any) -> Any:
        """Pause (True) or continue (False) the playback."""
        response.success = self._replay is not None
        if self._replay is None:
            response.message = "the bag is not open yet"
            return response
        now_s, (bag, playback, check) = time.monotonic(), self._replay
        if request.data:
            playback.hold(now_s)
            check.rest(now_s + self._stale_s(bag) + _SETTLE_S)
        else:
            check.move()
            playback.go_on(now_s)
        return response

    def _on_restart(self, _request: Any, response: Any) -> Any:
        """Restart from the first tick, after a deactivation and a new activation of the policy."""
        response.success, self._jumps = True, True
        return response

    # The result.

    def _conclude(self, unusable: str = "") -> None:
        """Log the report, write the JUnit file, and end the process with exit code 0 or 1.

        Args:
            unusable: Reason why there is no valid result; empty if there is one.
        """
        self._is_concluded = True
        check = None if self._replay is None else self._replay.check
        if self._wrong and check is not None:
            check.fault(self._wrong)
        findings = [unusable] if unusable or check is None else check.findings()
        verdict = ReplayVerdict.DIFFERENT if findings else ReplayVerdict.SAME
        verdict = ReplayVerdict.UNUSABLE if unusable else verdict
        for line in check.lines() if check is not None else ():
            logger.info("%s", line)
        logger.info("verdict:      %s", verdict.value)
        self._state = verdict.value
        if unusable:
            logger.error("%s", unusable)
        try:
            self._write_junit(verdict, "; ".join(findings))
        except DerRosError as error:
            logger.error("%s", error)
            verdict = ReplayVerdict.UNUSABLE
        self.finish(0 if verdict is ReplayVerdict.SAME else 1)

    def _write_junit(self, verdict: ReplayVerdict, reason: str) -> None:
        if self._given.junit:
            wall_s = time.monotonic() - self._began_s
            case = JUnitCase(Path(self._given.bag).name, verdict, reason, wall_s)
            write_junit(Path(self._given.junit), [case])

    def close(self) -> None:
        """Conclude an interrupted replay; a loop that has finished a lap counts as complete."""
        if not self._is_concluded and self.exit_code == 0:
            laps = 0 if self._replay is None else self._replay.check.laps
            is_whole = self._given.loop and laps > 1
            self._conclude("" if is_whole else "ended before the end of the bag")
        super().close()

    def _collect(self) -> list[Status]:
        values: dict[str, object] = {"rate": self._given.rate}
        if self._replay is not None:
            _, playback, check = self._replay
            values |= {
                "position_s": f"{playback.position_s(time.monotonic()):.3f}",
                "paused": playback.is_held,
                "laps": check.laps,
                "answers": check.answers,
                "compared": check.compared,
            }
        level = Level.ERROR if self._wrong else Level.OK
        return [Status("replay", level, self._wrong or self._state, values), self._sources.status()]


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(BagPlayer, args)


if __name__ == "__main__":
    sys.exit(main())
