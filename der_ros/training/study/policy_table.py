"""Table of the shipped policies' success and force, as their cards give them."""

from __future__ import annotations

from pathlib import Path

from der_ros.errors import ConfigurationError
from der_ros.policy.shipped import shipped_policies

SECTION = "## Evaluation with the budgets of a deployment\n"
"""Section of a card, ``models/TASK.md``, whose table is shown."""


def policy_table() -> str:
    """Return the rows of all shipped policies' cards, each with its task in front.

    Raises:
        ConfigurationError: A policy's card cannot be read, or does not have the section.
    """
    cards = {task: _table(path.with_suffix(".md")) for task, path in shipped_policies().items()}
    (titles, rule, *_), *_ = cards.values()
    rows = [
        f"| {task.replace('_', ' ')} {row}" for task, table in cards.items() for row in table[2:]
    ]
    return "\n".join([f"| policy {titles}", f"|---{rule}", *rows])


def _table(card: Path) -> list[str]:
    """Return the lines of the section's table: titles, rule, rows."""
    try:
        section = card.read_text(encoding="utf-8").partition(SECTION)[2].partition("\n## ")[0]
    except OSError as error:
        raise ConfigurationError(f"{card}: expected a policy's card ({error.strerror})") from error
    table = [line for line in section.splitlines() if line.startswith("|")]
    if len(table) < 3:
        raise ConfigurationError(f"{card}: expected a table below {SECTION.strip()!r}")
    return table
