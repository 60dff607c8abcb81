"""``policy.symmetry.fold`` as the first layer of a network, in torch and as ONNX nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch

from der_ros.policy.observation import OBSERVATION_NAMES
from der_ros.policy.symmetry import ROTATION, equal_turns


class GraphParts(Protocol):
    """Graph under construction; each call adds a node or constant and returns its name."""

    @property
    def number_type(self) -> int:
        """``TensorProto.DataType`` that the graph computes with."""
        ...

    def emit(self, operator_type: str, inputs: list[str], output: str, **attributes: int) -> str:
        """Add a node and return the name of its output."""
        ...

    def constant(self, name: str, tensor: torch.Tensor) -> str:
        """Add a constant in the graph's number type and return its name."""
        ...

    def integers(self, name: str, values: int | Iterable[int]) -> str:
        """Add an int64 constant, 1-D or scalar, and return its name."""
        ...


class Folding(torch.nn.Module):
    """Module that folds observations, (N, 13) float64.

    Args:
        symmetry: Order of the held piece's symmetry about its z; 0 for a round piece.
    """

    turns: torch.Tensor

    def __init__(self, symmetry: int) -> None:
        super().__init__()
        self.register_buffer("turns", torch.from_numpy(equal_turns(symmetry)))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Fold observations as ``policy.symmetry.fold`` does, in float64."""
        equal = (observation[:, ROTATION] @ self.turns).reshape(len(observation), -1, 4)
        least = equal[:, :, 3].abs().argmax(dim=1)
        best = equal[torch.arange(len(observation)), least]
        best = torch.where(best[:, 3:] < 0.0, -best, best)
        before, after = observation[:, : ROTATION.start], observation[:, ROTATION.stop :]
        return torch.cat((before, best, after), dim=1)

    def to_onnx(self, source: str, name: str, graph: GraphParts) -> str:
        """Add the nodes of the folding to a graph.

        Args:
            source: Name of the observations tensor, (N, 13).
            name: Name of the result, and prefix of all other names.
            graph: Graph that the nodes are added to.

        Returns:
            Name of the folded tensor, (N, 13).
        """
        nodes = FoldingNodes(source, name, graph, self.turns.shape[1] // 4)
        turns = graph.constant(f"{name}.turns", self.turns)
        flat = nodes.emit("MatMul", [nodes.rotation, turns], "flat")
        (best,) = nodes.least_turned(flat, [flat])
        return nodes.joined(best)


class FoldingNodes:
    """Builder of the graph nodes that fold observations.

    Args:
        source: Name of the observations tensor, (N, 13).
        name: Name of the result, and prefix of all other names.
        graph: Graph that the nodes are added to.
        turns: Number of equivalent orientations.

    Attributes:
        rotation: Name of the quaternions of ``source``, (N, 4).
    """

    def __init__(self, source: str, name: str, graph: GraphParts, turns: int) -> None:
        self._source, self._name, self._graph, self._turns = source, name, graph, turns
        self.rotation = self.columns("rotation", ROTATION.start, ROTATION.stop)

    def emit(self, operator_type: str, inputs: list[str], result: str, **attributes: int) -> str:
        """Add a node and return the name of its output."""
        return self._graph.emit(operator_type, inputs, f"{self._name}.{result}", **attributes)

    def columns(self, result: str, first: int, end: int) -> str:
        """Add a selection of columns of ``source`` and return its name."""
        indices = self._graph.integers(f"{self._name}.{result}_columns", range(first, end))
        return self.emit("Gather", [self._source, indices], result, axis=1)

    def least_turned(self, whole: str, parts: Sequence[str]) -> list[str]:
        """Add the selection of the equivalent orientation with the smallest rotation.

        Args:
            whole: Name of all equivalent quaternions, (N, 4 turns), used for the selection.
            parts: Names of tensors of the same shape whose sum is ``whole``.

        Returns:
            Names of the parts of the selected quaternions, (N, 4) each.
        """
        shape = self._integers("by_turn", (-1, self._turns, 4))
        equal = {
            part: self.emit("Reshape", [part, shape], f"equal{number}")
            for number, part in enumerate(dict.fromkeys((whole, *parts)))
        }
        mask, by_row = self._mask(equal[whole]), self._integers("by_row", (-1, 4))
        best = {}
        for number, part in enumerate(equal):
            chosen = self.emit("MatMul", [mask, equal[part]], f"chosen{number}")
            best[part] = self.emit("Reshape", [chosen, by_row], f"best{number}")
        sign = self._sign(best[whole])
        return [
            self.emit("Mul", [best[part], sign], f"positive{number}")
            for number, part in enumerate(parts)
        ]

    def joined(self, rotation: str) -> str:
        """Add ``source`` with its rotation replaced, (N, 4), and return the name of the result."""
        before = self.columns("before", 0, ROTATION.start)
        after = self.columns("after", ROTATION.stop, len(OBSERVATION_NAMES))
        return self._graph.emit("Concat", [before, rotation, after], self._name, axis=1)

    def _mask(self, equal: str) -> str:
        """Return the name of a mask, (N, 1, turns), that is 1 at the smallest rotation, else 0."""
        w = self.emit("Gather", [equal, self._integers("w_of_each", 3)], "all_w", axis=2)
        least = self.emit("ArgMax", [self.emit("Abs", [w], "size")], "least", axis=1, keepdims=1)
        each = self._integers("each", range(self._turns))
        is_least = self.emit("Equal", [least, each], "is_least")
        row = self.emit(
            "Reshape", [is_least, self._integers("as_row", (-1, 1, self._turns))], "row"
        )
        return self.emit("Cast", [row], "mask", to=self._graph.number_type)

    def _sign(self, best: str) -> str:
        """Return the name of the signs, (N, 1), that make w of the (N, 4) quaternions positive."""
        w = self.emit("Gather", [best, self._integers("w", (3,))], "best_w", axis=1)
        zero, minus, plus = (
            self._graph.constant(f"{self._name}.{text}", torch.tensor(value))
            for text, value in (("zero", 0.0), ("minus", -1.0), ("plus", 1.0))
        )
        return self.emit(
            "Where", [self.emit("Less", [w, zero], "is_negative"), minus, plus], "sign"
        )

    def _integers(self, name: str, values: int | Iterable[int]) -> str:
        return self._graph.integers(f"{self._name}.{name}", values)
