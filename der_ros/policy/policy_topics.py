"""Topics of a policy's observations, actions and contract, as published and recorded."""

from __future__ import annotations

OBSERVATION_TOPIC, ACTION_TOPIC = "policy/observation", "policy/action"
CONTRACT_TOPIC = "policy/contract"
INFO_TOPIC = "policy/info"
"""Contract as JSON text; early bags have this topic instead of ``CONTRACT_TOPIC``."""


def tick_label(kind: str, tick: int) -> str:
    """Return the array dimension label that pairs an action with its observation."""
    return f"{kind} {tick}"
