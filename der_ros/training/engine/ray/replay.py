"""The learner's side of the Ray engine's shards and success pool."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayError, RayTaskError

from der_ros.replay.array_types import FloatArray
from der_ros.replay.replay_metrics import PoolCounts, ShardCounts, replay_metrics
from der_ros.replay.shard import diverged
from der_ros.replay.sharded import ReplayConfig, TdErrors
from der_ros.replay.structures import assign_demonstrations
from der_ros.replay.transitions import Episode, Transitions, n_step_transitions
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    ENTROPY_OF_RAY_POOL,
    ENTROPY_OF_RAY_REPLAY,
    ENTROPY_OF_SHARDS,
    Drawn,
    Sizes,
)
from der_ros.training.engine.ray.actors import PoolActor, ShardActor
from der_ros.training.engine.ray.answers import answer_of

logger = logging.getLogger(__name__)

_BATCHES_AHEAD = 4
_PATIENCE_S = 0.1
_TIME_FOR_COUNTS_S = 1.0
_POOL_PLACE = -1


class RayReplay:
    """Shard and pool actors, which reserve no CPU.

    A shard that replaces a lost one holds the demonstrations that this process has loaded; in a
    resumed run these are none, as they were part of the lost shard's state.

    Each shard actor has a number, so that priorities of a dead actor's batch are never written to
    its replacement.
    """

    def __init__(
        self,
        config: TrainingConfig,
        sizes: Sizes,
        td_errors: TdErrors,
        on_change: Callable[[], None],
    ) -> None:
        """Start nothing; ``on_change`` is called when an actor has been replaced."""
        self._config: ReplayConfig = config.replay()
        self._batch_size, self._seed, self._sizes = config.batch_size, config.seed, sizes
        self._td_errors = td_errors if config.inserted_priority == "td_error" else None
        self._on_change = on_change
        self._rng = np.random.default_rng((config.seed, ENTROPY_OF_RAY_REPLAY))
        self._actors: dict[int, Any] = {}  # by number
        self._numbers: list[int] = []  # of the shards, in their order
        self._made = 0
        self.pool: Any = None
        self._state: Mapping[str, Any] | None = None
        self._assigned: list[list[Episode]] = [[] for _ in range(config.shards)]
        self._ahead: deque[tuple[int, Any]] = deque()
        self._counts: dict[int, tuple[ShardCounts, int]] = {}
        self._pool_counts = PoolCounts(0, 0.0, 0)
        self._next_insertion = self._config.insertion_interval
        self._insertions_before = 0

    @property
    def shards(self) -> tuple[Any, ...]:
        """Handles of the shards, in their order."""
        return tuple(self._actors[number] for number in self._numbers)

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Assign demonstrations to the shards, which get them at the start."""
        config = self._config
        assignment = assign_demonstrations(
            config.structure, len(demonstrations), config.shards, self._rng
        )
        self._assigned = [[demonstrations[number] for number in own] for own in assignment]

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Store the state that the actors start from."""
        self._state = state
        self._next_insertion = int(state["next_insertion"])
        self._insertions_before = int(state["insertions"])

    def start(self) -> None:
        """Start the actors and wait until they hold their demonstrations or state."""
        self._numbers = [self._make_shard() for _ in range(self._config.shards)]
        self._make_pool()
        waiting = []
        for place, (number, actor) in enumerate(zip(self._numbers, self.shards, strict=True)):
            if self._state is not None:
                waiting.append(actor.load_state.remote(self._state["shards"][str(place)]))
            else:
                waiting.append(self._load_assigned(number, place))
        if self._state is not None:
            waiting.append(self.pool.load_state.remote(self._state["pool"]))
        for reference in waiting:
            answer_of(reference)
        self._state = None

    def stop(self) -> None:
        """End the shard and pool actors."""
        for actor in (*self._actors.values(), self.pool):
            if actor is not None:
                ray.kill(actor)

    def insert_if_due(self, env_steps: int) -> None:
        """Send episodes from the pool to the shards, if due; only TD errors need the learner."""
        while env_steps >= self._next_insertion:
            self._next_insertion += self._config.insertion_interval
            if not self._config.der:
                continue
            for shard in self.shards:
                episode = self.pool.draw.remote()
                if self._td_errors is None:
                    shard.insert.remote(episode)
                else:
                    self._insert_judged(shard, episode)

    def sample(self, beta: float | None) -> Drawn | None:
        """Return the oldest requested batch; each request goes to a shard drawn at random."""
        while len(self._ahead) < _BATCHES_AHEAD:
            number = self._numbers[int(self._rng.integers(len(self._numbers)))]
            reference = self._actors[number].sample.remote(self._batch_size, beta)
            self._ahead.append((number, reference))
        number, reference = self._ahead[0]
        if not ray.wait([reference], timeout=_PATIENCE_S)[0]:
            return None
        self._ahead.popleft()
        drawn: Drawn | None = self._answer(number, reference)
        return None if drawn is None else _writable(drawn)

    def write_back(self, drawn: Drawn, td_errors: FloatArray) -> None:
        """Send TD errors (rows,) as priorities; those of a dead shard are dropped.

        Raises:
            DivergedError: A TD error is not finite; the shard's own error would reach nobody.
        """
        if not np.isfinite(td_errors).all():
            raise diverged()
        actor = self._actors.get(drawn.shard)
        if actor is not None:
            batch = drawn.batch
            actor.update_priorities.remote(batch.indices, batch.drawn_at, td_errors)

    def metrics(self) -> dict[str, float]:
        """Return the metrics; an actor that does not answer in a second keeps its last ones.

        Raises:
            Exception: The first error of an actor in a call whose answer nobody read.
        """
        requests = {self._actors[number].counts.remote(): number for number in self._numbers}
        requests[self.pool.counts.remote()] = _POOL_PLACE
        ready, _ = ray.wait(list(requests), num_returns=len(requests), timeout=_TIME_FOR_COUNTS_S)
        for reference in ready:
            number = requests[reference]
            answer = self._answer(number, reference)
            if number == _POOL_PLACE:
                self._pool_counts = answer or self._pool_counts
            elif answer is not None:
                self._counts[number] = answer
        counts = [self._counts[number][0] for number in self._numbers if number in self._counts]
        inserted = sum(count for _, count in self._counts.values())
        return replay_metrics(counts, self._pool_counts, self._insertions_before + inserted)

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, with a function per actor that requests its part."""
        inserted = sum(count for _, count in self._counts.values())
        return {
            "shards": {str(k): _asked(actor) for k, actor in enumerate(self.shards)},
            "pool": _asked(self.pool),
            "insertions": self._insertions_before + inserted,
            "next_insertion": self._next_insertion,
            "random": None,
        }

    def _answer(self, number: int, reference: Any) -> Any:
        """Return the actor's answer; if it is dead, replace it and return None."""
        try:
            return answer_of(reference)
        except RayTaskError:
            raise
        except RayError as error:
            self._replace(number, type(error).__name__)
            return None

    def _replace(self, number: int, reason: str) -> None:
        if number == _POOL_PLACE:
            logger.warning("the success pool was lost (%s); starting an empty one", reason)
            self._make_pool()
        elif number in self._actors:
            place = self._numbers.index(number)
            logger.warning(
                "shard %d was lost (%s); starting one with %d demonstrations",
                place,
                reason,
                len(self._assigned[place]),
            )
            del self._actors[number]
            self._numbers[place] = self._make_shard()
            self._load_assigned(self._numbers[place], place)
        else:
            return  # it has been replaced already
        self._on_change()

    def _make_shard(self) -> int:
        number = self._made
        self._made += 1
        entropy = (self._seed, ENTROPY_OF_SHARDS, number)
        actor = ray.remote(num_cpus=0)(ShardActor)
        self._actors[number] = actor.remote(self._config, self._row_sizes, number, entropy)
        return number

    def _make_pool(self) -> None:
        entropy = (self._seed, ENTROPY_OF_RAY_POOL, self._made)
        actor = ray.remote(num_cpus=0)(PoolActor)
        self.pool = actor.remote(self._config, self._row_sizes, entropy)

    @property
    def _row_sizes(self) -> tuple[int, int]:
        """Lengths of an observation and of an action."""
        return self._sizes.observation, self._sizes.action

    def _load_assigned(self, number: int, place: int) -> Any:
        judged = [(episode, self._judged(episode)) for episode in self._assigned[place]]
        return self._actors[number].load_demonstrations.remote(judged)

    def _insert_judged(self, shard: Any, reference: Any) -> None:
        episode = self._answer(_POOL_PLACE, reference)
        if episode is not None:
            shard.insert.remote(episode, self._judged(episode))

    def _judged(self, episode: Episode) -> FloatArray | None:
        if self._td_errors is None:
            return None
        config = self._config
        return self._td_errors(n_step_transitions(episode, config.n_step, config.gamma))


def _writable(drawn: Drawn) -> Drawn:
    """Return a writable copy; arrays of the object store are read-only, which torch refuses."""
    batch = drawn.batch
    transitions = Transitions(*(column.copy() for column in batch.transitions))
    return drawn._replace(
        batch=batch._replace(transitions=transitions, weights=batch.weights.copy())
    )


def _asked(actor: Any) -> Callable[[], Any]:
    """Return a function that requests the actor's state; a dead actor fails the checkpoint only."""

    def ask() -> Any:
        try:
            return ray.get(actor.state.remote())
        except RayError as error:
            raise OSError(f"an actor was lost ({type(error).__name__})") from error

    return ask
