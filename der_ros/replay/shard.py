"""One shard of the replay: a demonstration zone and a ring under one sum tree (paper, Fig. 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import CheckpointError, ConfigurationError, DivergedError
from der_ros.replay.sum_tree import FloatArray, IndexArray, SumTree
from der_ros.replay.transitions import Float32Array, Transitions


@dataclass(frozen=True)
class ShardConfig:
    """What a shard holds and how it draws.

    Attributes:
        capacity: slots in all, zone and ring together.
        zone_size: slots [0, zone_size) are the demonstration zone; the ring is the rest.
        alpha: exponent of the priority, 0 draws uniformly.
        beta: exponent of the importance weights, 1 corrects the bias in full.
        epsilon: added to |td_error|, so that nothing becomes undrawable.
        zone_share: share of each batch drawn from the zone once it holds something;
            None lets the priorities alone decide.
        permanent_demonstrations: human demonstrations are never evicted from the zone;
            else they age out first-in-first-out like the run's own successes.
    """

    capacity: int
    zone_size: int = 0
    alpha: float = 0.5
    beta: float = 0.4
    epsilon: float = 1e-6
    zone_share: float | None = None
    permanent_demonstrations: bool = True

    def __post_init__(self) -> None:
        """Refuses what cannot work."""
        if not 0 <= self.zone_size < self.capacity:
            raise ConfigurationError(
                f"shard: expected 0 <= zone size < capacity, got zone size {self.zone_size} "
                f"and capacity {self.capacity}"
            )
        if self.zone_share is not None and not 0.0 < self.zone_share < 1.0:
            raise ConfigurationError(
                f"shard: expected a zone share inside (0, 1) or none, got {self.zone_share}"
            )


class Batch(NamedTuple):
    """Drawn transitions, with what is needed to write their priorities back."""

    transitions: Transitions
    weights: Float32Array  # (rows,) importance weights, the largest is 1
    indices: IndexArray  # (rows,) slots
    generations: NDArray[np.int64]  # (rows,) which writing of the slot was drawn


class Shard:
    """Prioritized replay (Schaul et al. 2016) with a demonstration zone (paper, Sec. 3.3).

    Priority of slot i: p_i = (|td_error_i| + ε)^α. Drawn with P(i) = p_i / Σp; with a zone share s
    a fixed part of the batch comes from each range, so P(i) = s·p_i / Σ_zone p inside the zone and
    (1-s)·p_i / Σ_ring p outside. Importance weight w_i = (N·P(i))^-β, over the batch's largest.

    Slots [0, zone_size) are the zone, [zone_size, capacity) the ring; both are written in turn and
    overwrite their own oldest rows only. Drawing changes nothing.
    """

    def __init__(self, config: ShardConfig, observation_size: int, action_size: int) -> None:
        """An empty shard; memory is taken as it fills."""
        self.config = config
        size = config.capacity
        self._columns = Transitions(
            observation=np.zeros((size, observation_size), np.float32),
            action=np.zeros((size, action_size), np.float32),
            n_step_return=np.zeros(size, np.float32),
            discount=np.zeros(size, np.float32),
            next_observation=np.zeros((size, observation_size), np.float32),
        )
        self._generation = np.zeros(size, np.int64)
        self._written_at = np.zeros(size, np.int64)
        self._tree = SumTree(size)
        self._top = 1.0  # the largest |td_error| + ε seen
        self._permanent = 0  # slots [0, permanent) are never overwritten
        self._zone = _Ring(0, config.zone_size)
        self._ring = _Ring(config.zone_size, config.capacity)
        self.writes = 0
        self.ignored_updates = 0

    @property
    def zone_filled(self) -> int:
        """Rows in the demonstration zone."""
        return self._permanent + self._zone.filled

    @property
    def ring_filled(self) -> int:
        """Rows in the ring."""
        return self._ring.filled

    @property
    def zone_room(self) -> int:
        """Slots of the zone that insertions may use, filled or not."""
        return self._zone.high - self._zone.low

    def __len__(self) -> int:
        """Rows in zone and ring together."""
        return self.zone_filled + self.ring_filled

    def add(self, transitions: Transitions, td_errors: FloatArray | None = None) -> None:
        """Appends to the ring; without ``td_errors`` (rows,) at the top priority."""
        self._append(self._ring, transitions, td_errors)

    def add_demonstration(
        self, transitions: Transitions, td_errors: FloatArray | None = None
    ) -> None:
        """Puts a human demonstration into the zone (paper, Fig. 1), permanent if so configured.

        Raises:
            ConfigurationError: the zone has no room left for a permanent one.
        """
        if not self.config.permanent_demonstrations:
            self.insert(transitions, td_errors)
            return
        rows = transitions.size
        if self._zone.filled or self._permanent + rows > self.config.zone_size:
            raise ConfigurationError(
                f"demonstrations: expected at most {self.config.zone_size - self._permanent} more "
                f"transitions, put in before training, got {rows}; enlarge the zone, give fewer "
                "demonstrations, or let them age out"
            )
        self._write(self._permanent, transitions, self._priorities(rows, td_errors))
        self._permanent += rows
        self._zone = _Ring(self._permanent, self.config.zone_size)

    def insert(self, transitions: Transitions, td_errors: FloatArray | None = None) -> None:
        """Puts a success into the zone in place of its oldest rows (paper, Alg. 1, last line)."""
        if self.zone_room == 0:
            raise ConfigurationError(
                "demonstration zone: expected room for successes beside the permanent "
                "demonstrations, got none; enlarge the zone"
            )
        self._append(self._zone, transitions, td_errors)

    def sample(self, rows: int, rng: np.random.Generator, beta: float | None = None) -> Batch:
        """Draws ``rows`` transitions, stratified over the priorities; storage is unchanged.

        Args:
            rows: how many.
            rng: the source of randomness.
            beta: in place of the configured one, for annealing.

        Raises:
            ConfigurationError: the shard is empty.
        """
        if len(self) == 0:
            raise ConfigurationError("shard: expected transitions to draw from, it is empty")
        total = self._tree.total
        zone = self._tree.sum_before(self.config.zone_size)
        ranges = _ranges(rows, zone, total, self.config.zone_share)
        masses = [low + _stratified(count, high - low, rng) for count, low, high in ranges]
        indices = self._tree.find(np.concatenate(masses))
        density = np.repeat(
            [count / rows / (high - low) for count, low, high in ranges],
            [count for count, _, _ in ranges],
        )
        scaled = len(self) * density * self._tree.get(indices)
        weights = scaled ** -(self.config.beta if beta is None else beta)
        return Batch(
            Transitions(*(column[indices] for column in self._columns)),
            (weights / weights.max()).astype(np.float32),
            indices,
            self._generation[indices],
        )

    def update_priorities(
        self, indices: IndexArray, generations: NDArray[np.int64], td_errors: FloatArray
    ) -> int:
        """Writes |td_error| of drawn rows back; returns how many had been overwritten meanwhile.

        Those are left alone and counted in ``ignored_updates``. All arguments are (rows,).
        """
        current = self._generation[indices] == generations
        ignored = len(indices) - int(np.count_nonzero(current))
        if ignored:
            indices, td_errors = indices[current], td_errors[current]
            self.ignored_updates += ignored
        if len(indices):
            self._tree.set(indices, self._priorities(len(indices), td_errors))
        return ignored

    def staleness(self, batch: Batch) -> float:
        """The mean age of the batch's rows, in transitions written to this shard since."""
        return float(self.writes - self._written_at[batch.indices].mean())

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything that a checkpoint needs, filled rows only, as plain arrays (views)."""
        filled = self._filled()
        columns = {name: column[filled] for name, column in self._columns._asdict().items()}
        counters = [self._permanent, *self._zone.state(), *self._ring.state(), self.writes,
                    self.ignored_updates]  # fmt: skip
        return {
            **columns,
            "priority": self._tree.values[filled],
            "generation": self._generation[filled],
            "written_at": self._written_at[filled],
            "counters": np.array(counters, np.int64),
            "top": np.array(self._top),
        }

    def load_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Takes over what ``state`` gave, in a shard of the same configuration.

        Raises:
            CheckpointError: it does not fit this configuration.
        """
        try:
            counters = [int(value) for value in state["counters"]]
            self._permanent = counters[0]
            self._zone = _Ring(self._permanent, self.config.zone_size, *counters[1:3])
            self._ring = _Ring(self.config.zone_size, self.config.capacity, *counters[3:5])
            self.writes, self.ignored_updates = counters[5:7]
            self._top = float(state["top"].item())
            filled = self._filled()
            for name, column in self._columns._asdict().items():
                column[filled] = state[name]
            self._generation[filled] = state["generation"]
            self._written_at[filled] = state["written_at"]
            self._tree.set(filled, state["priority"].astype(np.float64))
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(
                "checkpoint: expected a shard of the same capacity, zone and sizes; resume with "
                f"the configuration that the run was started with ({error})"
            ) from error

    def _filled(self) -> IndexArray:
        low, high = self._zone.low, self._ring.low
        zone = np.arange(low + self._zone.filled)
        return np.concatenate((zone, np.arange(high, high + self._ring.filled)))

    def _priorities(self, rows: int, td_errors: FloatArray | None) -> FloatArray:
        if td_errors is None:
            return np.full(rows, self._top**self.config.alpha)
        magnitude = np.abs(td_errors).astype(np.float64) + self.config.epsilon
        largest = float(magnitude.max())
        if not math.isfinite(largest):
            # One such priority would make every sum above it, and so every draw, meaningless.
            raise DivergedError(
                "replay: expected finite TD errors, got NaN or infinity; the learner has diverged, "
                "go on from an earlier checkpoint with a smaller learning_rate"
            )
        self._top = max(self._top, largest)
        return np.power(magnitude, self.config.alpha)

    def _append(self, ring: _Ring, transitions: Transitions, td_errors: FloatArray | None) -> None:
        priorities = self._priorities(transitions.size, td_errors)
        for start, part in ring.take(transitions.size):
            self._write(start, transitions.rows(part), priorities[part])

    def _write(self, start: int, transitions: Transitions, priorities: FloatArray) -> None:
        """The only writer of storage: rows, generation and priority always change together."""
        slots = slice(start, start + transitions.size)
        for column, values in zip(self._columns, transitions, strict=True):
            column[slots] = values
        self._generation[slots] += 1
        self.writes += transitions.size
        self._written_at[slots] = self.writes
        self._tree.set_range(start, priorities)


class _Ring:
    """Slots [low, high) that are written in turn, the oldest overwritten first."""

    def __init__(self, low: int, high: int, offset: int = 0, filled: int = 0) -> None:
        self.low, self.high, self.offset, self.filled = low, high, offset, filled

    def state(self) -> tuple[int, int]:
        return self.offset, self.filled

    def take(self, rows: int) -> list[tuple[int, slice]]:
        """Reserves slots for ``rows``: (first slot, which of the rows) for each unbroken run."""
        room = self.high - self.low
        done = max(0, rows - room)  # of more rows than slots, only the newest stay
        runs = []
        while done < rows:
            count = min(rows - done, room - self.offset)
            runs.append((self.low + self.offset, slice(done, done + count)))
            self.offset = (self.offset + count) % room
            done += count
        self.filled = min(room, self.filled + rows)
        return runs


def _ranges(
    rows: int, zone: float, total: float, share: float | None
) -> list[tuple[int, float, float]]:
    """How many rows to draw from which range of the running sum: (rows, low, high)."""
    if share is None or zone <= 0.0 or total - zone <= 0.0:
        return [(rows, 0.0, total)]
    from_zone = round(rows * share)
    return [(from_zone, 0.0, zone), (rows - from_zone, zone, total)]


def _stratified(rows: int, mass: float, rng: np.random.Generator) -> FloatArray:
    """One uniform draw from each of ``rows`` equal parts of [0, mass)."""
    return (np.arange(rows) + rng.random(rows)) * (mass / rows)
