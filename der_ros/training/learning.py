"""The learner's side of a run: replay, filter, algorithm and counters. No processes, no files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_ros.algorithms.base import make_learner
from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.shard import Shard
from der_ros.replay.sharded import ShardedReplay
from der_ros.replay.sum_tree import FloatArray
from der_ros.replay.transitions import Episode, Transitions
from der_ros.training.checkpoint import Checkpoint
from der_ros.training.config import TrainingConfig, make_config
from der_ros.training.demonstrations import load_demonstrations
from der_ros.training.messages import Fragment, PolicySnapshot
from der_ros.training.observation_filter import ObservationFilter

ENTROPY_OF_LEARNER = 0  # keeps its random numbers apart from the rollouts'


class Learning:
    """What Alg. 1 (paper) calls the trainer."""

    def __init__(self, config: TrainingConfig, observation_size: int, action_size: int) -> None:
        """Draws the networks and puts the demonstrations into the shards.

        Raises:
            ConfigurationError: demonstrations that are missing or do not fit.
        """
        self.config = config
        networks, draws = np.random.SeedSequence((config.seed, ENTROPY_OF_LEARNER)).spawn(2)
        seed = int(networks.generate_state(1)[0])
        self.learner = make_learner(
            config.algorithm, config.learner(), observation_size, action_size, seed
        )
        self.filter = ObservationFilter(
            observation_size, config.filter_clip, config.filter_std_floor
        )
        self.replay = ShardedReplay(
            config.replay(),
            observation_size,
            action_size,
            np.random.default_rng(draws),
            self._td_errors,
        )
        self.env_steps = 0
        self.updates = 0
        self._snapshot: PolicySnapshot | None = None
        self._latest: dict[str, float] = {}
        self._statistics = self.filter.statistics()
        if config.demos:
            demonstrations = load_demonstrations(Path(config.demos), observation_size, action_size)
            for demonstration in demonstrations:
                self.filter.count_in(demonstration.observations)
            self._statistics = self.filter.statistics()
            self.replay.load_demonstrations(demonstrations)

    @property
    def due(self) -> int:
        """Updates that the environment steps so far allow and that are not done yet."""
        if self.env_steps < self.config.learning_starts:
            return 0
        since = self.env_steps - self.config.learning_starts
        return int(since * self.config.updates_per_step) - self.updates

    def add(self, fragment: Fragment) -> None:
        """Takes in what a worker collected; inserts from the pool where that is due."""
        self.env_steps += fragment.env_steps
        transitions = fragment.transitions
        if transitions.size:
            self.filter.count_in(transitions.observation)
            self._statistics = self.filter.statistics()
            from_learner = self.config.first_priority == "td_error"
            td_errors = self._td_errors(transitions) if from_learner else None
            self.replay.add(transitions, td_errors)
        for episode in fragment.successes:
            self.replay.add_success(episode)
        self.replay.insert_if_due(self.env_steps)
        self._latest["replay/policy_lag"] = float(self.updates - fragment.policy_updates)

    def update(self, at_most: int | None) -> None:
        """Does the updates that are due, at most so many."""
        due = self.due
        count = due if at_most is None else min(due, at_most)
        for _ in range(count):
            self._update_once()

    def snapshot(self) -> PolicySnapshot:
        """The policy and the filter as they stand."""
        return PolicySnapshot(self.learner.policy_parameters(), self._statistics, self.updates)

    def metrics(self) -> dict[str, float]:
        """Of the latest update, and of the replay as it stands."""
        shards, pool = self.replay.shards, self.replay.pool
        return {
            **self._latest,
            "replay/transitions": float(len(self.replay)),
            "replay/ignored_updates": float(sum(shard.ignored_updates for shard in shards)),
            "der/zone_transitions": float(sum(shard.zone_filled for shard in shards)),
            "der/pool_episodes": float(len(pool)),
            "der/pool_added": float(pool.added),
            "der/insertions": float(self.replay.insertions),
        }

    def checkpoint(self) -> Checkpoint:
        """Everything that learning depends on."""
        arrays: dict[str, NDArray[np.generic]] = {}
        parts = {"learner": self.learner.state(), "filter": self.filter.state()}
        parts |= {f"shard{k}": shard.state() for k, shard in enumerate(self.replay.shards)}
        parts |= {f"pool{k}": _episode_arrays(e) for k, e in enumerate(self.replay.pool)}
        for prefix, part in parts.items():
            arrays |= {f"{prefix}/{name}": array for name, array in part.items()}
        meta = {
            "env_steps": self.env_steps,
            "updates": self.updates,
            "insertions": self.replay.insertions,
            "next_insertion": self.replay.next_insertion,
            "pool_episodes": len(self.replay.pool),
            "random": self.replay.rng.bit_generator.state,
            "config": dataclasses.asdict(self.config),
        }
        return Checkpoint(arrays, meta)

    def load(self, checkpoint: Checkpoint, path: Path) -> None:
        """Takes over a checkpoint.

        Raises:
            CheckpointError: it lacks something, or is of another configuration.
        """
        try:
            self._load(checkpoint)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {path}: expected what this release writes, got something else "
                f"({error!r}); take an earlier checkpoint, or start a new run"
            ) from error

    def _load(self, checkpoint: Checkpoint) -> None:
        meta = checkpoint.meta
        self.learner.load_state(checkpoint.part("learner"))
        self.filter.load_state(checkpoint.part("filter"))
        self._statistics = self.filter.statistics()
        for k, shard in enumerate(self.replay.shards):
            shard.load_state(checkpoint.part(f"shard{k}"))
        for k in range(int(meta["pool_episodes"])):
            self.replay.pool.add(_episode(checkpoint.part(f"pool{k}")))
        self.env_steps, self.updates = int(meta["env_steps"]), int(meta["updates"])
        self.replay.insertions = int(meta["insertions"])
        self.replay.next_insertion = int(meta["next_insertion"])
        self.replay.rng.bit_generator.state = meta["random"]

    def _update_once(self) -> None:
        shard, batch = self.replay.sample(self.config.batch_size, self._beta())
        update = self.learner.update(self._as_learned(batch.transitions), batch.weights)
        shard.update_priorities(batch.indices, batch.drawn_at, update.td_errors)
        self.updates += 1
        if self.updates % 100 == 0:
            self._latest |= {f"train/{name}": value for name, value in update.metrics.items()}
            self._latest["replay/staleness"] = shard.staleness(batch)
            self._latest["replay/zone_share"] = _share_below(shard, batch.indices)

    def _beta(self) -> float | None:
        """β, moving linearly to ``beta_final`` over the budget of steps where there is one."""
        final, budget = self.config.beta_final, self.config.max_env_steps
        if final is None or not budget:
            return None
        done = min(1.0, self.env_steps / budget)
        return self.config.beta + (final - self.config.beta) * done

    def _as_learned(self, raw: Transitions) -> Transitions:
        """The one place where observations are filtered and returns scaled, whoever's they are."""
        return Transitions(
            self._statistics(raw.observation),
            raw.action,
            raw.n_step_return * np.float32(self.config.reward_scale),
            raw.discount,
            self._statistics(raw.next_observation),
        )

    def _td_errors(self, raw: Transitions) -> FloatArray:
        return self.learner.td_errors(self._as_learned(raw))


def config_of(checkpoint: Checkpoint, path: Path) -> TrainingConfig:
    """The configuration of the run that the checkpoint is from.

    Raises:
        CheckpointError: another release's, with fields that this one does not know.
    """
    try:
        return make_config(checkpoint.meta["config"])
    except (KeyError, TypeError, ConfigurationError) as error:
        raise CheckpointError(
            f"checkpoint {path}: expected a configuration of this release ({error})"
        ) from error


def _share_below(shard: Shard, indices: NDArray[np.int64]) -> float:
    return float(np.count_nonzero(indices < shard.config.zone_size) / len(indices))


def _episode_arrays(episode: Episode) -> dict[str, NDArray[np.generic]]:
    return {name: np.asarray(value) for name, value in episode._asdict().items()}


def _episode(arrays: dict[str, Any]) -> Episode:
    columns = (arrays[name] for name in ("observations", "actions", "rewards"))
    flags = (bool(arrays[name]) for name in ("terminated", "truncated", "success"))
    return Episode(*columns, *flags)
