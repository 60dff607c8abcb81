"""Shard of the replay: a demonstration zone and a ring under one sum tree (paper, Fig. 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import CheckpointError, ConfigurationError, DivergedError
from der_ros.replay.array_types import Float32Array, FloatArray, IndexArray
from der_ros.replay.finite_arrays import require_finite
from der_ros.replay.frozen_rows import FrozenRows
from der_ros.replay.ring import Ring
from der_ros.replay.storage import Storage
from der_ros.replay.sum_tree import SumTree
from der_ros.replay.transitions import Transitions


@dataclass(frozen=True)
class ShardConfig:
    """Configuration of a shard.

    Attributes:
        capacity: Total number of slots, zone and ring together.
        zone_size: Number of slots of the demonstration zone, [0, zone_size); the rest is the ring.
        alpha: Exponent of the priorities; 0 samples uniformly.
        beta: Exponent of the importance weights; 1 corrects the bias fully.
        epsilon: Constant added to |td_error|, so that every transition can be sampled.
        zone_share: Share of each batch drawn from the zone while both zone and ring hold rows;
            None draws by priority alone.
        permanent_demonstrations: True to keep human demonstrations in the zone for ever; False to
            evict them first-in-first-out, like the run's own successes.
    """

    capacity: int
    zone_size: int = 0
    alpha: float = 0.5
    beta: float = 0.4
    epsilon: float = 1e-6
    zone_share: float | None = None
    permanent_demonstrations: bool = True

    def __post_init__(self) -> None:
        """Reject invalid settings."""
        if not 0 <= self.zone_size < self.capacity:
            raise ConfigurationError(
                f"shard: expected 0 <= zone size < capacity, got zone size {self.zone_size} "
                f"and capacity {self.capacity}"
            )
        if self.zone_share is not None and not 0.0 < self.zone_share < 1.0:
            raise ConfigurationError(
                f"shard: expected a zone share inside (0, 1) or none, got {self.zone_share}"
            )
        if self.alpha < 0.0 or not 0.0 <= self.beta <= 1.0 or self.epsilon < 0.0:
            raise ConfigurationError(
                "shard: expected alpha >= 0, 0 <= beta <= 1 and epsilon >= 0, got "
                f"{self.alpha}, {self.beta} and {self.epsilon}"
            )


class WriteCounts(NamedTuple):
    """Numbers of rows written so far to the zone and to the ring."""

    zone: int
    ring: int


class Batch(NamedTuple):
    """Sampled transitions, with the slots needed to write priorities back."""

    transitions: Transitions
    weights: Float32Array  # (rows,) importance weights, scaled to a maximum of 1
    indices: IndexArray  # (rows,) slots
    drawn_at: WriteCounts


class Shard:
    """Prioritized replay (Schaul et al. 2016) with a demonstration zone (paper, Sec. 3.3).

    Slot i has priority p_i = (|td_error_i| + ε)^α and is sampled with P(i) = p_i / Σp. With a zone
    share s, a fixed part of the batch comes from each range: P(i) = s·p_i / Σ_zone p inside the
    zone and (1-s)·p_i / Σ_ring p outside. If all priorities are 0, as with ε = 0 they may be, all
    rows are equally likely. The importance weight w_i = (N·P(i))^-β is divided by the largest of
    the batch.

    Slots [0, zone_size) are the zone, [zone_size, capacity) the ring; each is written in order and
    overwrites only its own oldest rows. Sampling changes nothing.
    """

    def __init__(self, config: ShardConfig, observation_size: int, action_size: int) -> None:
        """Make an empty shard; memory pages are used as it fills."""
        self.config = config
        self._storage = Storage(config.capacity, observation_size, action_size)
        self._tree = SumTree(config.capacity)
        self._top = 1.0  # the largest |td_error| + ε seen
        self._permanent = 0  # slots [0, permanent) are never overwritten
        self._zone = Ring(0, config.zone_size)
        self._ring = Ring(config.zone_size, config.capacity)
        self.ignored_updates = 0

    @property
    def zone_filled(self) -> int:
        """Number of rows in the demonstration zone."""
        return self._permanent + self._zone.filled

    @property
    def ring_filled(self) -> int:
        """Number of rows in the shard's ring."""
        return self._ring.filled

    @property
    def zone_room(self) -> int:
        """Number of the zone's slots that insertions may use, filled or not."""
        return self._zone.size

    @property
    def written(self) -> WriteCounts:
        """Numbers of rows written so far to zone and ring."""
        return WriteCounts(self._zone.writes, self._ring.writes)

    def __len__(self) -> int:
        """Return the number of rows in zone and ring."""
        return self.zone_filled + self.ring_filled

    def add(self, transitions: Transitions, td_errors: FloatArray | None = None) -> None:
        """Append to the ring, with ``td_errors``, (rows,), or at the top priority without them."""
        self._append(self._ring, transitions, td_errors)

    def add_demonstration(
        self, transitions: Transitions, td_errors: FloatArray | None = None
    ) -> None:
        """Add a human demonstration to the zone (paper, Fig. 1), permanently if configured.

        Raises:
            ConfigurationError: The zone has no room left for it.
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
        slots = slice(self._permanent, self._permanent + rows)
        self._write(slots, transitions, self._priorities(rows, td_errors), slice(rows))
        self._permanent += rows
        self._zone = Ring(self._permanent, self.config.zone_size)

    def require_room(self) -> None:
        """Check that insertions have room in the zone.

        Raises:
            ConfigurationError: Permanent demonstrations fill the zone.
        """
        if self.zone_room == 0:
            raise ConfigurationError(
                "demonstration zone: expected room for successes beside the permanent "
                "demonstrations, got none; enlarge the zone or switch der off"
            )

    def insert(self, transitions: Transitions, td_errors: FloatArray | None = None) -> None:
        """Write a success to the zone, over its oldest rows (paper, Alg. 1, last line).

        Raises:
            ConfigurationError: Permanent demonstrations fill the zone.
        """
        self.require_room()
        self._append(self._zone, transitions, td_errors)

    def sample(self, rows: int, rng: np.random.Generator, beta: float | None = None) -> Batch:
        """Sample ``rows`` transitions, stratified over the priorities; storage is unchanged.

        Args:
            rows: Batch size.
            rng: Random generator.
            beta: Exponent β that replaces the configured one, for annealing.

        Returns:
            Copies, which the caller may keep and modify.

        Raises:
            ConfigurationError: The shard is empty.
        """
        if len(self) == 0:
            raise ConfigurationError("shard: expected transitions to draw from, it is empty")
        if self._tree.total == 0.0:
            filled = np.concatenate([np.arange(each.start, each.stop) for each in self._filled()])
            indices = rng.choice(filled, rows)
            weights = np.ones(rows, np.float32)
            return Batch(self._storage.gather(indices), weights, indices, self.written)
        parts = self._parts(rows)
        indices = self._tree.find(np.concatenate([part.draw(rng) for part in parts]))
        chance = self._tree.get(indices)
        for part in parts:
            chance[part.start : part.stop] *= part.density
        # N and Σp of w = (N·P)^-β cancel against the batch's largest weight.
        relative = (chance / chance.min()).astype(np.float32)
        weights = relative ** np.float32(-(self.config.beta if beta is None else beta))
        return Batch(self._storage.gather(indices), weights, indices, self.written)

    def update_priorities(
        self, indices: IndexArray, drawn_at: WriteCounts, td_errors: FloatArray
    ) -> int:
        """Write |td_error| of sampled rows back; return the number of rows overwritten since.

        Overwritten rows keep their priority and are counted in ``ignored_updates``.

        Args:
            indices: Slots of the batch, (rows,).
            drawn_at: Write counts of the batch, which identify the slots overwritten since.
            td_errors: TD errors, (rows,).
        """
        ignored = 0
        if drawn_at != self.written:
            current = ~self._overwritten(indices, drawn_at)
            ignored = len(indices) - int(np.count_nonzero(current))
            indices, td_errors = indices[current], td_errors[current]
            self.ignored_updates += ignored
        if len(indices):
            self._tree.set(indices, self._priorities(len(indices), td_errors))
        return ignored

    @property
    def zone_age(self) -> float:
        """Mean age of the zone's rows, in rows written to the zone since; 0 without rows."""
        filled = np.arange(self.zone_filled)
        return float(self._ages(filled).mean()) if len(filled) else 0.0

    def staleness(self, batch: Batch) -> float:
        """Return the mean age of the batch's rows, in rows written to their zone or ring since."""
        return float(self._ages(batch.indices).mean())

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of the filled rows and of the counters, as plain arrays."""
        return {
            name: value() if isinstance(value, FrozenRows) else value
            for name, value in self.frozen_state().items()
        }

    def frozen_state(self) -> dict[str, NDArray[np.generic] | FrozenRows]:
        """Return ``state`` with ``FrozenRows`` in place of the transitions.

        Calling the ``FrozenRows``, from any thread, copies the transitions. Until then the shard
        copies only the rows that it is about to overwrite.
        """
        zone, ring = self._filled()
        counters = [self._permanent, *self.written, self.ignored_updates]
        return {
            "zone_rows": self._storage.freeze(zone),
            "ring_rows": self._storage.freeze(ring),
            "zone_priority": self._tree.values[zone].copy(),
            "ring_priority": self._tree.values[ring].copy(),
            "counters": np.array(counters, np.int64),
            "top": np.array(self._top),
        }

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Restore a state returned by ``state`` of a shard with the same configuration.

        Raises:
            CheckpointError: ``state`` does not fit this configuration, or a number is not finite.
        """
        try:
            require_finite("counters of a shard", state["counters"], least=0.0)
            require_finite("top priority of a shard", state["top"], least=0.0)
            permanent, zone, ring, ignored = (int(value) for value in state["counters"])
            if permanent > self.config.zone_size:
                raise ValueError(f"got {permanent} permanent rows")
            self._permanent, self.ignored_updates = permanent, ignored
            self._zone = Ring(permanent, self.config.zone_size, zone)
            self._ring = Ring(self.config.zone_size, self.config.capacity, ring)
            self._top = float(state["top"].item())
            for name, part in zip(("zone", "ring"), self._filled(), strict=True):
                rows, priorities = state[f"{name}_rows"], state[f"{name}_priority"]
                require_finite(f"transitions of the {name}", rows)
                require_finite(f"priorities of the {name}", priorities, least=0.0)
                self._storage.write_packed(part, rows)
                self._tree.set_range(part, priorities)
        except CheckpointError:
            raise
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(
                "checkpoint: expected a shard of the same capacity, zone and sizes; resume with "
                f"the configuration that the run was started with ({error})"
            ) from error

    def _filled(self) -> tuple[slice, slice]:
        return slice(0, self.zone_filled), self._ring.filled_slots

    def _parts(self, rows: int) -> list[_Part]:
        """Return the ranges of the cumulative priorities from which a batch is drawn."""
        total, share = self._tree.total, self.config.zone_share
        zone = 0.0 if share is None else self._tree.sum_before(self.config.zone_size)
        if share is None or zone <= 0.0 or total - zone <= 0.0:
            return [_Part(0, rows, 0.0, total)]
        cut = round(rows * share)
        parts = [_Part(0, cut, 0.0, zone), _Part(cut, rows, zone, total)]
        return [part for part in parts if part.stop > part.start]

    def _ages(self, indices: IndexArray) -> IndexArray:
        in_zone = np.where(indices >= self._permanent, self._zone.ages(indices), self._zone.writes)
        return np.where(indices >= self.config.zone_size, self._ring.ages(indices), in_zone)

    def _overwritten(self, indices: IndexArray, since: WriteCounts) -> NDArray[np.bool_]:
        """Return a mask, (n,), of slots written after ``since``; permanent slots never are."""
        in_ring = indices >= self.config.zone_size
        in_zone = (indices >= self._permanent) & ~in_ring
        return np.where(
            in_ring,
            self._ring.overwritten(indices, since.ring),
            in_zone & self._zone.overwritten(indices, since.zone),
        )

    def _priorities(self, rows: int, td_errors: FloatArray | None) -> FloatArray:
        if td_errors is None:
            return np.full(rows, self._top**self.config.alpha)
        magnitude = np.abs(td_errors).astype(np.float64) + self.config.epsilon
        largest = float(magnitude.max())
        if not math.isfinite(largest):
            # One such priority makes every sum above it, and so every sample, invalid.
            raise diverged()
        self._top = max(self._top, largest)
        return np.power(magnitude, self.config.alpha)

    def _append(self, ring: Ring, transitions: Transitions, td_errors: FloatArray | None) -> None:
        priorities = self._priorities(transitions.size, td_errors)
        for slots, part in ring.reserve(transitions.size):
            self._write(slots, transitions, priorities, part)

    def _write(
        self, slots: slice, transitions: Transitions, priorities: FloatArray, part: slice
    ) -> None:
        """Write the rows ``part`` of ``transitions``, and their priorities, to ``slots``."""
        self._storage.write(slots, transitions, part)
        self._tree.set_range(slots, priorities[part])


def diverged() -> DivergedError:
    """Return the error for TD errors that are not finite."""
    return DivergedError(
        "replay: expected finite TD errors, got NaN or infinity; the learner has diverged, "
        "go on from an earlier checkpoint with a smaller learning_rate"
    )


class _Part(NamedTuple):
    """Rows [start, stop) of a batch, drawn from [low, high) of the cumulative priorities."""

    start: int
    stop: int
    low: float
    high: float

    @property
    def density(self) -> float:
        """Number of rows per unit of priority."""
        return (self.stop - self.start) / (self.high - self.low)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw one value from each of ``stop - start`` equal strata of the range, (rows,)."""
        rows = self.stop - self.start
        return self.low + (np.arange(rows) + rng.random(rows)) / self.density
