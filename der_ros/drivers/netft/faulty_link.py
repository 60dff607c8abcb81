"""Fault injection between a simulated Net F/T box and its client."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BoxFaults:
    """Injected faults; set ``SimulatedNetFt.faults`` to switch them on and off.

    Attributes:
        silent: nothing is sent, though the samples go on counting.
        loss: probability that a packet is lost.
        duplication: probability that a packet is sent twice.
        reordering: probability that a packet is overtaken by the next one.
        wrong_length: packets are one byte short.
        status: status word of every record.
    """

    silent: bool = False
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    wrong_length: bool = False
    status: int = 0


class FaultyLink:
    """Passes packets on with the injected ``faults``.

    Attributes:
        faults: what goes wrong now.
        lost: packets that were not carried.
        duplicated: packets that were carried twice.
        overtaken: packets that were carried after the next one.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.faults = BoxFaults()
        self.lost = self.duplicated = self.overtaken = 0
        self._rng = rng
        self._held: list[bytes] = []

    def clear(self) -> None:
        """Forget the packets that are held back, because another stream begins."""
        self._held = []

    def carry(self, packet: bytes) -> list[bytes]:
        """Return the packets that arrive, in order, when ``packet`` is sent."""
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
