"""Comparison of a robot's governor limits with those of a policy's training."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from der_ros.documents import numbers_of_text
from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.force_budget import ContactLimits
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import names_of, settings_of

# Numbers from a file or a parameter may differ by rounding.
_SAME = 1e-6
# Neither looser nor tighter: these only have to be equal.
_NEITHER = ("yield_gain_mps_per_n", "yield_gain_radps_per_nm")
_BUDGETS = ("force_budget_n", "torque_budget_nm")
# The contact model belongs to the cell; a policy does not depend on it.
_CONTACT = frozenset(names_of(ContactLimits)) - frozenset(_BUDGETS)


class LimitsDifference(NamedTuple):
    """Differences between the limits of a robot and of the training; each entry is one clause.

    Attributes:
        looser: Limits that allow more than in training; a reason not to move.
        tighter: Limits that allow less than in training; safe, but slower.
        other: Limits that differ but are neither looser nor tighter.
    """

    looser: tuple[str, ...] = ()
    tighter: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def compare_limits(contract: PolicyContract, robot: GovernorLimits) -> LimitsDifference:
    """Compare the limits in the policy's file with those of the robot's bridge.

    If the file has no governor limits, only its action limits are compared.
    """
    if contract.governor is None:
        return LimitsDifference(tighter=_cut_actions(contract, robot))
    looser: list[str] = []
    tighter: list[str] = []
    other: list[str] = []
    for field in dataclasses.fields(GovernorLimits):
        trained, held = getattr(contract.governor, field.name), getattr(robot, field.name)
        differences = [after - before for after, before in _pairs(held, trained)]
        if field.name in _CONTACT or not any(differences):
            continue
        clause = f"{field.name}: trained with {trained}, the robot has {held}"
        outwards = -1.0 if field.name == "workspace_min_m" else 1.0
        is_looser = any(outwards * difference > 0.0 for difference in differences)
        kind = other if field.name in _NEITHER else looser if is_looser else tighter
        kind.append(clause)
    return LimitsDifference(tuple(looser), tuple(tighter), tuple(other))


def limits_from_texts(texts: Mapping[str, str]) -> GovernorLimits:
    """Parse the limits that a bridge publishes: each value a number, or three for a corner.

    Raises:
        ContractError: A limit is missing, unknown or not numeric.
    """
    names = set(names_of(GovernorLimits))
    if missing := names - texts.keys():
        raise ContractError(f"limits of the robot: expected {', '.join(sorted(missing))}, got none")
    if unknown := texts.keys() - names:
        raise ContractError(
            f"limits of the robot: expected only those that this release knows, "
            f"got {', '.join(sorted(unknown))}"
        )
    try:
        return GovernorLimits(**{name: _limit(name, text) for name, text in texts.items()})  # type: ignore[arg-type]
    except ConfigurationError as error:
        raise ContractError(f"limits of the robot: {error}") from error


def recorded_limits(texts: Mapping[str, str]) -> GovernorLimits:
    """Parse the limits recorded in a bag; bags without force budget settings get the defaults.

    Raises:
        ContractError: A limit is missing, unknown or not numeric.
    """
    absent = {each.name: str(each.default) for each in settings_of(ContactLimits)}
    return limits_from_texts({**absent, **texts})


def _limit(name: str, text: str) -> float | tuple[float, ...]:
    if name.startswith("workspace"):
        return numbers_of_text(name, text, 3)
    return numbers_of_text(name, text, 1)[0]


def limits_to_json(limits: GovernorLimits) -> str:
    """Return the limits as a JSON object, the format that a bridge publishes."""
    return json.dumps(dataclasses.asdict(limits))


def _cut_actions(contract: PolicyContract, robot: GovernorLimits) -> tuple[str, ...]:
    """Return a clause for each action limit above the robot's speed limit."""
    limits = contract.action_limits
    return tuple(
        f"{name}: actions reach {asked:g}, the robot allows {getattr(robot, name):g}"
        for name, asked in (
            ("max_linear_speed_mps", max(limits[:3])),
            ("max_angular_speed_radps", max(limits[3:])),
        )
        if asked > getattr(robot, name) * (1.0 + _SAME)
    )


def _pairs(
    held: float | tuple[float, ...], trained: float | tuple[float, ...]
) -> list[tuple[float, float]]:
    """Return the numbers in pairs; values equal up to rounding become identical."""
    first = held if isinstance(held, tuple) else (held,)
    second = trained if isinstance(trained, tuple) else (trained,)
    return [
        (b, b) if math.isclose(a, b, rel_tol=_SAME, abs_tol=1e-12) else (a, b)
        for a, b in zip(first, second, strict=True)
    ]
