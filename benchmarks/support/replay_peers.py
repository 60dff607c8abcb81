"""Peers of the replay benchmark: cpprb and torchrl if installed, and pure Python."""

from __future__ import annotations

import importlib
import operator
import random
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from der_ros.replay.transitions import Transitions

CAPACITY, FRAGMENT, BATCH = 333_333, 50, 512
OBSERVATION, ACTION = 13, 6
ALPHA, BETA, EPSILON = 0.5, 0.4, 1e-6


class ReplayPeer(Protocol):
    """A prioritized replay of ``CAPACITY`` rows."""

    name: str

    def add(self, fragment: Transitions) -> None:
        """Add rows at the top priority."""

    def sample(self) -> Any:
        """Draw ``BATCH`` rows with their weights."""

    def update(self, batch: Any, td_errors: np.ndarray) -> None:
        """Write back the priorities of a batch."""


class Cpprb:
    """Prioritized buffer of cpprb."""

    name = "cpprb"

    def __init__(self) -> None:
        cpprb = importlib.import_module("cpprb")
        shapes = {
            "observation": OBSERVATION,
            "action": ACTION,
            "n_step_return": 1,
            "discount": 1,
            "next_observation": OBSERVATION,
        }
        columns = {name: {"shape": shape} for name, shape in shapes.items()}
        self._buffer = cpprb.PrioritizedReplayBuffer(CAPACITY, columns, alpha=ALPHA, eps=EPSILON)

    def add(self, fragment: Transitions) -> None:
        """Add rows to the buffer."""
        self._buffer.add(**fragment._asdict())

    def sample(self) -> Any:
        """Draw one batch from the buffer."""
        return self._buffer.sample(BATCH, BETA)

    def update(self, batch: Any, td_errors: np.ndarray) -> None:
        """Write back the priorities of a batch."""
        self._buffer.update_priorities(batch["indexes"], td_errors)


class TorchRl:
    """torchrl's prioritized buffer over a memory storage."""

    name = "torchrl"

    def __init__(self) -> None:
        self._torch = importlib.import_module("torch")
        self._torch.set_num_threads(1)  # more threads are slower on small arrays
        self._dict = importlib.import_module("tensordict").TensorDict
        data = importlib.import_module("torchrl.data")
        self._buffer = data.TensorDictPrioritizedReplayBuffer(
            alpha=ALPHA,
            beta=BETA,
            eps=EPSILON,
            storage=data.LazyTensorStorage(CAPACITY),
            batch_size=BATCH,
        )

    def add(self, fragment: Transitions) -> None:
        """Add rows to the buffer."""
        columns = {k: self._torch.from_numpy(v) for k, v in fragment._asdict().items()}
        self._buffer.extend(self._dict(columns, [FRAGMENT]))

    def sample(self) -> Any:
        """Draw one batch from the buffer."""
        return self._buffer.sample()

    def update(self, batch: Any, td_errors: np.ndarray) -> None:
        """Write back the priorities of a batch."""
        self._buffer.update_priority(batch["index"], self._torch.from_numpy(td_errors))


class _PythonTree:
    """Binary tree of sums or minima, updated one leaf at a time."""

    def __init__(self, combine: Callable[[float, float], float], neutral: float) -> None:
        self.leaves = 1 << (CAPACITY - 1).bit_length()
        self.nodes = [neutral] * (2 * self.leaves)
        self._combine = combine

    def set(self, index: int, value: float) -> None:
        """Set one leaf and update its ancestors."""
        nodes, combine, node = self.nodes, self._combine, index + self.leaves
        nodes[node] = value
        while node > 1:
            node >>= 1
            nodes[node] = combine(nodes[2 * node], nodes[2 * node + 1])

    def find(self, mass: float) -> int:
        """Return the leaf at cumulative sum ``mass``."""
        nodes, node = self.nodes, 1
        while node < self.leaves:
            node *= 2
            if mass >= nodes[node]:
                mass -= nodes[node]
                node += 1
        return node - self.leaves


class PythonReplay:
    """A list of rows, a sum tree for sampling, and a min tree for the largest weight.

    The replay of the paper was built in this way.
    """

    name = "pure Python"

    def __init__(self) -> None:
        self._sums, self._minima = _PythonTree(operator.add, 0.0), _PythonTree(min, float("inf"))
        self._rows: list[tuple[object, ...]] = []
        self._next, self._top = 0, 1.0

    def add(self, fragment: Transitions) -> None:
        """Append row by row, or overwrite the oldest."""
        for row in zip(*fragment, strict=True):
            if len(self._rows) < CAPACITY:
                self._rows.append(row)
            else:
                self._rows[self._next] = row
            self._set(self._next, self._top)
            self._next = (self._next + 1) % CAPACITY

    def sample(self) -> tuple[list[int], list[np.ndarray]]:
        """Draw one batch, row by row."""
        total, rows = self._sums.nodes[1], len(self._rows)
        indices = [min(self._sums.find(random.random() * total), rows - 1) for _ in range(BATCH)]
        largest = (self._minima.nodes[1] / total * rows) ** -BETA
        leaves, values = self._sums.leaves, self._sums.nodes
        weights = [(values[i + leaves] / total * rows) ** -BETA / largest for i in indices]
        columns = zip(*(self._rows[i] for i in indices), strict=True)
        return indices, [np.array(column) for column in (*columns, weights)]

    def update(self, batch: tuple[list[int], list[np.ndarray]], td_errors: np.ndarray) -> None:
        """Write back priorities one by one."""
        for index, error in zip(batch[0], td_errors.tolist(), strict=True):
            priority = abs(error) + EPSILON
            self._top = max(self._top, priority)
            self._set(index, priority)

    def _set(self, index: int, priority: float) -> None:
        value = priority**ALPHA
        self._sums.set(index, value)
        self._minima.set(index, value)


def installed_peers() -> tuple[list[ReplayPeer], list[str]]:
    """Return the installed peers, and the reason for each missing one."""
    tried = [_try(kind) for kind in (Cpprb, TorchRl)]
    peers = [peer for peer in tried if not isinstance(peer, str)]
    return peers, [reason for reason in tried if isinstance(reason, str)]


def _try(kind: type[Cpprb] | type[TorchRl]) -> ReplayPeer | str:
    try:
        return kind()
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return f"{kind.name} ({reason}); pip install -r requirements/benchmarks.txt"
