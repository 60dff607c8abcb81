"""``policy.symmetry.fold`` as the first layer of a network: for torch, and as ONNX nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import onnx
import torch

from der_ros.policy.observation import OBSERVATION_NAMES
from der_ros.policy.symmetry import ROTATION, equal_turns

DOUBLE = int(onnx.TensorProto.DOUBLE)


class GraphParts(Protocol):
    """What adds nodes and constants to a graph; each returns the name of its result."""

    def emit(self, operator_type: str, inputs: list[str], output: str, **attributes: int) -> str:
        """Adds a node."""
        ...

    def constant(self, name: str, tensor: torch.Tensor) -> str:
        """Adds float64 numbers."""
        ...

    def integers(self, name: str, values: int | Iterable[int]) -> str:
        """Adds int64 numbers, or one without dimensions."""
        ...


class Folding(torch.nn.Module):
    """(N, 13) float64 observations to folded ones.

    Args:
        symmetry: as in ``policy.symmetry.fold``.
    """

    turns: torch.Tensor

    def __init__(self, symmetry: int) -> None:
        super().__init__()
        self.register_buffer("turns", torch.from_numpy(equal_turns(symmetry)))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """As ``fold``, but in float64."""
        equal = (observation[:, ROTATION] @ self.turns).reshape(len(observation), -1, 4)
        least = equal[:, :, 3].abs().argmax(dim=1)
        best = equal[torch.arange(len(observation)), least]
        best = torch.where(best[:, 3:] < 0.0, -best, best)
        before, after = observation[:, : ROTATION.start], observation[:, ROTATION.stop :]
        return torch.cat((before, best, after), dim=1)

    def to_onnx(self, source: str, name: str, graph: GraphParts) -> str:
        """Adds the nodes that do the same.

        Args:
            source: name of the (N, 13) tensor.
            name: of the result, and the beginning of all other names.
            graph: to which they are added.

        Returns:
            The name of the (N, 13) folded tensor.
        """

        def emit(operator_type: str, inputs: list[str], result: str, **attributes: int) -> str:
            return graph.emit(operator_type, inputs, f"{name}.{result}", **attributes)

        def columns(result: str, first: int, end: int) -> str:
            indices = graph.integers(f"{name}.{result}_columns", range(first, end))
            return emit("Gather", [source, indices], result, axis=1)

        turns = self.turns.shape[1] // 4
        rotation = columns("rotation", ROTATION.start, ROTATION.stop)
        flat = emit("MatMul", [rotation, graph.constant(f"{name}.turns", self.turns)], "flat")
        equal = emit("Reshape", [flat, graph.integers(f"{name}.by_turn", (-1, turns, 4))], "equal")
        w = emit("Gather", [equal, graph.integers(f"{name}.w_of_each", 3)], "all_w", axis=2)
        least = emit("ArgMax", [emit("Abs", [w], "size")], "least", axis=1, keepdims=1)
        each = graph.integers(f"{name}.each", range(turns))
        is_least = emit("Equal", [least, each], "is_least")
        row = graph.integers(f"{name}.as_row", (-1, 1, turns))
        mask = emit("Cast", [emit("Reshape", [is_least, row], "row")], "mask", to=DOUBLE)
        chosen = emit("MatMul", [mask, equal], "chosen")
        best = emit("Reshape", [chosen, graph.integers(f"{name}.by_row", (-1, 4))], "best")
        w = emit("Gather", [best, graph.integers(f"{name}.w", (3,))], "best_w", axis=1)
        zero, minus, plus = (
            graph.constant(f"{name}.{text}", torch.tensor(value))
            for text, value in (("zero", 0.0), ("minus", -1.0), ("plus", 1.0))
        )
        sign = emit("Where", [emit("Less", [w, zero], "is_negative"), minus, plus], "sign")
        parts = [
            columns("before", 0, ROTATION.start),
            emit("Mul", [best, sign], "positive"),
            columns("after", ROTATION.stop, len(OBSERVATION_NAMES)),
        ]
        return graph.emit("Concat", parts, name, axis=1)
