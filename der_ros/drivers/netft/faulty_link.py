"""Fault injection between a simulated Net F/T box and its client."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BoxFaults:
    """Injected faults; set ``SimulatedNetFt.faults`` to switch them on and off.

    Attributes:
        silent: If True, nothing is sent, while the sample counter continues.
        loss: Probability that a packet is lost.
        duplication: Probability that a packet is sent twice.
        reordering: Probability that a packet is sent after the next one.
        wrong_length: If True, packets are one byte short.
        status: Status word of every record.
    """

    silent: bool = False
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    wrong_length: bool = False
    status: int = 0


class FaultyLink:
    """Link that forwards packets with injected ``faults``.

    Attributes:
        faults: Active faults.
        lost: Number of packets lost.
        duplicated: Number of packets duplicated.
        overtaken: Number of packets sent after the next one.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.faults = BoxFaults()
        self.lost = self.duplicated = self.overtaken = 0
        self._rng = rng
        self._held: list[bytes] = []

    def clear(self) -> None:
        """Discard packets held back, because a new stream starts."""
        self._held = []

    def carry(self, packet: bytes) -> list[bytes]:
        """Return the packets that arrive when ``packet`` is sent, in order."""
        faults = self.faults
        if faults.silent or self._happens(faults.loss):
            self.lost += 1
            return []
        packet = packet[:-1] if faults.wrong_length else packet
        arriving = [packet]
        if self._happens(faults.duplication):
            self.duplicated += 1
            arriving = [packet, packet]
        if self._held:
            self.overtaken += 1
            arriving, self._held = [*arriving, *self._held], []
        elif self._happens(faults.reordering):
            arriving, self._held = [], arriving
        return arriving

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._rng.random() < probability
