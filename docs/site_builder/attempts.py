"""Reference of the fields of ``attempts.jsonl``, from the dataclass that is written to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from der_ros.policy.attempt import AttemptResult, Outcome
from site_builder.pages import code, page, refuse, sentence, table

_ATTRIBUTE = re.compile(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)


def texts_of(kind: type[object]) -> dict[str, str]:
    """Return the text of each attribute in a class's Google-style docstring."""
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(kind.__doc__ or "")}


# Unit of a number by the last word of its field's name.
_UNITS = {"s": "s", "n": "N", "nm": "Nm", "m": "m", "rad": "rad"}


def unit_of(name: str) -> str | None:
    """Return the unit of a field by its name; None for a name without a unit."""
    return _UNITS.get(name.split("_")[-1])


def complaints(names: list[str], texts: Mapping[str, str], kinds: Mapping[str, str]) -> list[str]:
    """Return one line per field without a text, and per number without a unit."""
    found = [
        f"field {name} of attempts.jsonl: expected a text" for name in names if not texts.get(name)
    ]
    return found + [
        f"field {name} of attempts.jsonl: expected a unit in its name"
        for name in names
        if kinds[name] == "float" and unit_of(name) is None
    ]


def _type(kind: str, unit: str | None) -> str:
    """Return the JSON type of a field, with its unit; a path and an enumeration are text."""
    if unit is not None:
        return f"number, {unit}"
    return {"int": "whole number", "bool": "true or false"}.get(kind, "text")


def attempts_page() -> str:
    """Return the page with the fields of a line.

    Raises:
        UndocumentedError: A field has no text or unit.
    """
    kinds = {item.name: str(item.type) for item in fields(AttemptResult)}
    texts = texts_of(AttemptResult)
    refuse(complaints(list(kinds), texts, kinds))
    rows = [
        (
            code(name),
            _type(kinds[name], unit_of(name)),
            sentence(texts[name]),
        )
        for name in kinds
    ]
    outcomes = ", ".join(code(outcome.value) for outcome in Outcome)
    return page(
        "`attempts.jsonl`",
        "A deployment appends one line of JSON for each attempt to this file in its run folder. "
        "A number that is not known is `null`.",
        table(("field", "type, unit", "meaning"), rows),
        f"An outcome is one of {outcomes}. [Deployment](deployment.md#verdicts) says when each "
        "is given.",
    )
