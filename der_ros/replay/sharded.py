"""Sharded replay with success pool and periodic insertions (paper, Fig. 2 and Alg. 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import FloatArray
from der_ros.replay.shard import Batch, Shard, ShardConfig
from der_ros.replay.structures import assign_demonstrations
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.transitions import Episode, Transitions, n_step_transitions

TdErrors = Callable[[Transitions], FloatArray]


@dataclass(frozen=True)
class ReplayConfig:
    """Configuration of the whole replay.

    Attributes:
        shards: Number of shards (paper: 6).
        shard: Configuration of each shard.
        structure: Assignment of demonstrations to shards, one of ``STRUCTURE_NAMES``.
        der: True for Dynamic Experience Replay: successes go to the pool, and from it to the zones.
        insertion_interval: Environment steps, of all workers together, between two insertions into
            every shard.
        inserted_priority: First priority of demonstrations and insertions, ``top`` or ``td_error``.
        n_step: Number of steps that a transition spans.
        gamma: Discount factor per step.
        pool_episodes: Largest number of episodes in the success pool.
        pool_bytes: Largest size of the success pool in bytes.
    """

    shards: int
    shard: ShardConfig
    structure: str = "no_demos"
    der: bool = True
    insertion_interval: int = 2000
    inserted_priority: str = "top"
    n_step: int = 3
    gamma: float = 0.99
    pool_episodes: int = 500
    pool_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        """Reject invalid settings."""
        if self.inserted_priority not in ("top", "td_error"):
            raise ConfigurationError(
                f"inserted priority: expected top or td_error, got {self.inserted_priority!r}"
            )
        if self.shards < 1 or self.insertion_interval < 1 or self.n_step < 1:
            raise ConfigurationError(
                "replay: expected at least one shard, an insertion interval of at least one step "
                f"and n_step of at least 1, got {self.shards}, {self.insertion_interval}, "
                f"{self.n_step}"
            )
        if self.der and self.shard.zone_size == 0:
            raise ConfigurationError(
                "dynamic experience replay: expected a demonstration zone of at least one "
                "transition, got none; enlarge the zone or switch der off"
            )


ZONE_SCOPES = ("total", "shard")


def zone_slots(zone_size: float, scope: str, capacity: int, shards: int) -> int:
    """Return the number of slots of one shard's demonstration zone.

    Args:
        zone_size: Fraction of the capacity if below 1, else a number of transitions.
        scope: ``total`` if a number counts all shards together, ``shard`` if it counts each.
        capacity: Number of slots of one shard.
        shards: Number of shards.

    Raises:
        ConfigurationError: Another scope, a negative size, or a number that is not whole.
    """
    if scope not in ZONE_SCOPES:
        raise ConfigurationError(
            f"zone scope: expected one of {', '.join(ZONE_SCOPES)}, got {scope!r}"
        )
    if zone_size < 0.0 or (zone_size >= 1.0 and zone_size != int(zone_size)):
        raise ConfigurationError(
            "zone size: expected a fraction of the capacity below 1, or a whole number of "
            f"transitions, got {zone_size}"
        )
    if zone_size < 1.0:
        return int(zone_size * capacity)
    return int(zone_size) // (shards if scope == "total" else 1)


class ShardedReplay:
    """Replay of several shards and a success pool."""

    def __init__(
        self,
        config: ReplayConfig,
        observation_size: int,
        action_size: int,
        rng: np.random.Generator,
        td_errors: TdErrors | None = None,
    ) -> None:
        """Make empty shards and an empty pool.

        Args:
            config: Configuration of the replay.
            observation_size: Length of an observation.
            action_size: Length of an action.
            rng: Random generator that draws shards, episodes and transitions.
            td_errors: Function that returns the TD errors, (rows,), of raw transitions; used with
                ``inserted_priority: td_error``.
        """
        self.config = config
        self._sizes = observation_size, action_size
        self.rng = rng
        self._td_errors = td_errors if config.inserted_priority == "td_error" else None
        self.shards = tuple(
            Shard(config.shard, observation_size, action_size) for _ in range(config.shards)
        )
        self.pool = SuccessPool(config.pool_episodes, config.pool_bytes)
        self.insertions = 0
        self._next_insertion = config.insertion_interval

    def __len__(self) -> int:
        """Return the number of transitions in all shards."""
        return sum(len(shard) for shard in self.shards)

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Load human demonstrations into the shards; call it once, before training."""
        config = self.config
        assignment = assign_demonstrations(
            config.structure, len(demonstrations), config.shards, self.rng
        )
        for shard, numbers in zip(self.shards, assignment, strict=True):
            for number in numbers:
                shard.add_demonstration(*self._as_inserted(demonstrations[number]))
            if config.der:
                shard.require_room()

    def add(self, transitions: Transitions, td_errors: FloatArray | None = None) -> None:
        """Add a worker's fragment to a randomly drawn shard."""
        self._random_shard().add(transitions, td_errors)

    def add_success(self, episode: Episode) -> None:
        """Add a whole successful episode to the pool; do nothing if DER is off."""
        if self.config.der:
            self.pool.add(episode)

    def add_taught(self, stretch: Episode) -> None:
        """Insert a stretch of steps that a person drove into every shard's zone, like a success.

        A zone without room for insertions is skipped; the ring holds the steps in any case.
        """
        for shard in self.shards:
            if shard.zone_room:
                shard.insert(*self._as_inserted(stretch))

    def insert_if_due(self, env_steps: int) -> int:
        """Insert a random episode of the pool into each shard if due; return the insertions made.

        An insertion is due every ``insertion_interval`` environment steps, and is skipped if the
        pool is empty or DER is off. Steps arrive in fragments, so several insertions may be due.
        """
        done = 0
        while env_steps >= self._next_insertion:
            self._next_insertion += self.config.insertion_interval
            if self.config.der and len(self.pool):
                for shard in self.shards:
                    shard.insert(*self._as_inserted(self.pool.draw(self.rng)))
                done += len(self.shards)
        self.insertions += done
        return done

    def sample(self, rows: int, beta: float | None = None) -> tuple[Shard, Batch]:
        """Return a randomly drawn non-empty shard, and a batch from it."""
        shard = self._random_shard(filled=True)
        return shard, shard.sample(rows, self.rng, beta)

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint; ``FrozenRows`` copy the transitions when called."""
        return {
            "shards": {str(k): shard.frozen_state() for k, shard in enumerate(self.shards)},
            "pool": self.pool.state(),
            "insertions": self.insertions,
            "next_insertion": self._next_insertion,
            "random": self.rng.bit_generator.state,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``, of this or of another engine's replay."""
        for k, shard in enumerate(self.shards):
            shard.load_state(state["shards"][str(k)])
        self.pool.load_state(state["pool"], *self._sizes)
        self.insertions = int(state["insertions"])
        self._next_insertion = int(state["next_insertion"])
        if state["random"] is not None:
            self.rng.bit_generator.state = state["random"]

    def _random_shard(self, filled: bool = False) -> Shard:
        shards = [shard for shard in self.shards if len(shard) or not filled]
        if not shards:
            raise ConfigurationError("replay: expected transitions to draw from, it is empty")
        return shards[int(self.rng.integers(len(shards)))]

    def _as_inserted(self, episode: Episode) -> tuple[Transitions, FloatArray | None]:
        """Return an episode's n-step transitions, and their TD errors if configured."""
        transitions = n_step_transitions(episode, self.config.n_step, self.config.gamma)
        return transitions, None if self._td_errors is None else self._td_errors(transitions)
