"""Topics on which a policy's ticks are published and recorded."""

from __future__ import annotations

OBSERVATION_TOPIC, ACTION_TOPIC = "policy/observation", "policy/action"
CONTRACT_TOPIC = "policy/contract"
INFO_TOPIC = "policy/info"
"""JSON text with the content of ``CONTRACT_TOPIC``; bags of release 0.1 have only this topic."""


def tick_label(kind: str, tick: int) -> str:
    """Return the array dimension label that pairs an action with its observation."""
    return f"{kind} {tick}"
