"""Compares the answers of a running policy with those of a recorded attempt."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from der_ros.offline_replay.differences import Differences
from der_ros.offline_replay.live.played_bag import PlayedBag

LEAST_ANSWERED = 0.8
"""Share of the played ticks that the policy must answer."""
MOST_UNKNOWN = 0.05
"""Share of answers that may have an unrecorded observation, beyond two such answers."""
RATE_TOLERANCE = 0.1
"""Relative tolerance of the median period of the answers."""
LEAST_INTERVALS = 10
"""Number of intervals between answers required to judge the rate."""
_FREE_UNKNOWN = 2
_ROUNDING = 1e-6
_KEPT_INTERVALS = 10_000
_MOST_HALVES = 100


class TickMatch:
    """Finds the recorded tick with a bit-identical observation.

    Args:
        bag: Played bag.
    """

    def __init__(self, bag: PlayedBag) -> None:
        self._lag = bag.policy.longest_lag
        self._indices: dict[bytes, list[int]] = {}
        for index, tick in enumerate(bag.ticks):
            if tick.is_known:
                self._indices.setdefault(tick.observation.tobytes(), []).append(index)
        self._resumed = {index for index, tick in enumerate(bag.ticks) if tick.follows_pause}
        self.restart()

    def restart(self) -> None:
        """Forget previous ticks, as the restarted policy does."""
        self._possible, self._out_of_step = {-1}, 0

    @property
    def is_in_step(self) -> bool:
        """True if the policy's remembered observations equal those of the recording."""
        return self._out_of_step == 0

    def find(self, observation: NDArray[np.float32]) -> int | None:
        """Return the index of the tick; None if no recorded observation is identical."""
        indices = self._indices.get(observation.tobytes(), [])
        # The policy may see the first tick repeatedly; index -1 stands for the time before it.
        before = self._possible
        follow = {each for each in indices if each - 1 in before or each == 0 in before}
        follow -= self._resumed  # the recorded policy remembers ticks that were not recorded
        self._out_of_step = max(0, self._out_of_step - 1) if follow else self._lag
        self._possible = follow or set(indices)
        return max(self._possible, default=None)


class LiveCheck:
    """Compares answers with the recorded ones, and checks rate, limits and rest.

    All times are ``time.monotonic``, s.

    Args:
        bag: Played bag.
        tolerance: Largest difference of an action component, in [-1, 1], that counts as the same.

    Attributes:
        answers: Number of received pairs of observation and action.
        unknown: Number of answers whose observation is not among the recorded ones.
        laps: Number of times that the bag was started.
        faults: Faults of the nodes and of the replay itself, one text each.
    """

    def __init__(self, bag: PlayedBag, tolerance: float) -> None:
        self._bag, self._match = bag, TickMatch(bag)
        self._actions = Differences(tolerance)
        self.answers = self.unknown = self.laps = 0
        self.faults: list[str] = []
        self._expected, self._answered = 0.0, 0
        self._sent_s: float | None = None
        self._seen: set[int] = set()
        self._halves: dict[tuple[str, int], NDArray[np.float32]] = {}
        self._intervals: deque[float] = deque(maxlen=_KEPT_INTERVALS)
        self._acted_s: float | None = None
        self._rest_s: float | None = None
        self._too_fast = self._at_rest = 0

    @property
    def compared(self) -> int:
        """Number of actions compared with recorded ones."""
        return self._actions.compared

    def begin_lap(self) -> None:
        """Restart the comparison at the beginning of the bag, with a restarted policy."""
        self.laps += 1
        self._match.restart()
        self._seen.clear()
        self._halves.clear()
        self._sent_s = self._acted_s = self._rest_s = None

    def sent(self, now_s: float) -> None:
        """Count the inputs of the next tick as sent."""
        if self._sent_s is not None:
            period_s = self._bag.policy.control_dt_s
            self._expected += min(now_s - self._sent_s, period_s) / period_s
        self._sent_s = now_s

    def rest(self, from_s: float) -> None:
        """Expect zero commands after ``from_s``, until ``move`` or the next lap."""
        self._rest_s, self._acted_s = from_s, None

    def move(self) -> None:
        """Allow commands other than zero again."""
        self._rest_s = None

    def fault(self, text: str) -> None:
        """Add a fault, each text once."""
        if text not in self.faults:
            self.faults.append(text)

    def commanded(self, twist: Sequence[float], at_s: float) -> None:
        """Check a command, (6,) m/s and rad/s, task axes, received at ``at_s``."""
        limits = self._bag.policy.action_limits
        within = (
            abs(value) <= limit * (1.0 + _ROUNDING)
            for value, limit in zip(twist, limits, strict=True)
        )
        # NaN fails every comparison, so it counts as too fast.
        self._too_fast += not all(within)
        self._at_rest += self._rest_s is not None and at_s > self._rest_s and any(twist)

    def observed(self, number: int, observation: NDArray[np.float32], at_s: float) -> None:
        """Take the observation (13,) of a tick of the running policy."""
        self._take_half("observation", number, observation, at_s)

    def acted(self, number: int, action: NDArray[np.float32], at_s: float) -> None:
        """Take the action (6,) of a tick of the running policy."""
        self._take_half("action", number, action, at_s)

    def _take_half(self, kind: str, number: int, values: NDArray[np.float32], at_s: float) -> None:
        if len(self._halves) > _MOST_HALVES:
            self._halves.pop(next(iter(self._halves)))
        self._halves[kind, number] = values
        if {("observation", number), ("action", number)} <= self._halves.keys():
            observation = self._halves.pop(("observation", number))
            self._take(observation, self._halves.pop(("action", number)), at_s)

    def _take(
        self, observation: NDArray[np.float32], action: NDArray[np.float32], at_s: float
    ) -> None:
        self.answers += 1
        if self._acted_s is not None:
            self._intervals.append(at_s - self._acted_s)
        self._acted_s = at_s
        index = self._match.find(observation)
        if index is None:
            self.unknown += 1
            return
        self._answered += index not in self._seen
        self._seen.add(index)
        tick = self._bag.ticks[index]
        if self._match.is_in_step and action.shape == tick.action.shape:
            self._actions.add(tick.at_s, tick.action.tolist(), action.tolist())
        else:
            self._actions.set_aside()

    @property
    def period_s(self) -> float | None:
        """Median time between two answers, s; None with fewer than ``LEAST_INTERVALS``."""
        return median(self._intervals) if len(self._intervals) >= LEAST_INTERVALS else None

    def findings(self) -> list[str]:
        """Return the failed checks, one line each; empty if all passed."""
        return [*self.faults, *self._wrong_answers(), *self._wrong_motion()]

    def _wrong_answers(self) -> Iterator[str]:
        if not self.answers:
            yield "answers: policy_server answered nothing"
            return
        if self._answered < LEAST_ANSWERED * self._expected:
            yield (
                f"answers: {self._answered} ticks were answered, expected "
                f"{LEAST_ANSWERED:.0%} of {self._expected:.0f}"
            )
        if self.unknown > _FREE_UNKNOWN + MOST_UNKNOWN * self.answers:
            yield f"observations: {self.unknown} of {self.answers} are not in the bag"
        if self.unknown < self.answers and not self.compared:
            yield (
                "actions: none can be compared; a policy that remembers earlier observations "
                "needs rate:=1"
            )
        if self._actions.beyond:
            first = self._actions.first or {"time_s": 0.0}
            yield (
                f"actions: {self._actions.beyond} of {self.compared} differ by more than "
                f"{self._actions.tolerance:g}, by {self._actions.largest:.3g} at most, the first "
                f"at {first['time_s']:.3f} s"
            )

    def _wrong_motion(self) -> Iterator[str]:
        period_s, wanted_s = self.period_s, self._bag.policy.control_dt_s
        if period_s is not None and abs(period_s - wanted_s) > RATE_TOLERANCE * wanted_s:
            yield f"rate: an action every {1e3 * period_s:.1f} ms, expected {1e3 * wanted_s:.1f} ms"
        if self._too_fast:
            yield f"limits: {self._too_fast} commands are beyond the limits of the policy"
        if self._at_rest:
            yield f"rest: {self._at_rest} commands moved while the bag stood still"

    def lines(self) -> list[str]:
        """Return the figures as lines of text."""
        period_s, actions = self.period_s, self._actions
        shown = "too few for a rate" if period_s is None else f"one in {1e3 * period_s:.1f} ms"
        return [
            f"played:       {self.laps} x {len(self._bag.ticks)} ticks of {self._bag.bag}",
            *(f"recording:    {p.in_words(self._bag.start_ns)}" for p in self._bag.pauses),
            f"answers:      {self.answers}, {shown}; {self._answered} ticks answered",
            f"observations: {self.answers - self.unknown} are recorded ones, {self.unknown} not",
            f"actions:      {actions.compared} compared, max difference {actions.largest:.3g}; "
            f"{actions.beyond} beyond {actions.tolerance:g}",
            *(f"wrong:        {finding}" for finding in self.findings()),
        ]
