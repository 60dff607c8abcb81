"""Observation filter as a torch module."""

from __future__ import annotations

import torch

from der_ros.geometry import Array


class Filtering(torch.nn.Module):
    """``clip((observation - mean) / std, -clip, clip)`` in float64.

    Args:
        mean: Mean of the inputs, (input size,).
        std: Standard deviation of the inputs, (input size,), above zero.
        clip: Bound of the filtered inputs, above zero.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Array, std: Array, clip: float) -> None:
        super().__init__()
        self.clip = float(clip)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float64))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the filtered inputs, same shape as ``observation``."""
        filtered = (observation - self.mean) / self.std
        return torch.clamp(filtered, -self.clip, self.clip)
