"""Expectations of a bag: a small YAML file beside it, ``NAME.yaml`` for the bag ``NAME``.

Keys, all optional: ``policy`` (a file, relative to the YAML file), ``actions`` (``recorded``: those
of the bag are used, and no policy acts), ``from`` (``wire``: poses and wrenches are rebuilt from
the recorded telegrams), ``tolerance`` of the actions, ``outcome``, ``reason`` of the verdict,
``peak_force_n`` (largest allowed), ``interventions`` (largest allowed count by kind), and for a
what-if ``set``, ``latency_ms`` and ``lose_sensor_after_s``. In a what-if, ``outcome``, ``reason``
and ``interventions`` refer to the changed attempt.

A list in place of a policy or of a value in ``set`` is a sweep: the other expectations hold for
each combination.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from der_ros.bags.bag_replay import DEFAULT_TOLERANCE
from der_ros.bags.reader import BagReader
from der_ros.documents import read_yaml, shortened
from der_ros.errors import ConfigurationError
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.recorded_policy import actor_of_bag
from der_ros.offline_replay.replay_report import differences_of
from der_ros.offline_replay.what_if import WhatIf
from der_ros.policy.attempt import Outcome
from der_ros.policy.governor import Intervention
from der_ros.settings import converted
from der_ros.whole_files import write_whole

_KINDS = {str(flag.name) for flag in Intervention}
_RECORDED, _WIRE = "recorded", "wire"
_KEYS = {
    "policy",
    "actions",
    "from",
    "tolerance",
    "outcome",
    "reason",
    "peak_force_n",
    "interventions",
    "set",
    "latency_ms",
    "lose_sensor_after_s",
}


@dataclass(frozen=True)
class Expectation:
    """Expected results of a replay.

    Attributes:
        policy: Policy file; None uses the policy that acted.
        as_recorded: True uses the recorded actions, and no policy.
        from_wire: True rebuilds poses, wrenches and answers from the recorded telegrams.
        tolerance: Largest difference of an action component, in [-1, 1], that counts as the same.
        outcome: Expected outcome; None accepts any.
        reason: Expected reason of the verdict, one sentence; None accepts any.
        peak_force_n: Largest allowed force, N; None accepts any.
        interventions: Largest allowed count by kind.
        what_if: Changes to apply to the replay.
    """

    policy: Path | None = None
    as_recorded: bool = False
    from_wire: bool = False
    tolerance: float = DEFAULT_TOLERANCE
    outcome: Outcome | None = None
    reason: str | None = None
    peak_force_n: float | None = None
    interventions: Mapping[str, int] = field(default_factory=dict)
    what_if: WhatIf = field(default_factory=WhatIf)


_NUMBERS = ("tolerance", "peak_force_n", "latency_ms", "lose_sensor_after_s")
_MOST_CASES = 1000


def read_expectation(bag: Path) -> Expectation:
    """Read the expectations of a bag; without a file, expect a replay equal to the record.

    Raises:
        ConfigurationError: The file is invalid, or has a sweep.
    """
    found = list(read_sweep(bag).values())
    if len(found) != 1:
        path = expectation_file(bag)
        raise ConfigurationError(f"{path}: expected one value for each key, got {len(found)} cases")
    return found[0]


def read_sweep(bag: Path) -> dict[str, Expectation]:
    """Read the expectations of a bag for each combination of a sweep, by its label.

    Without a sweep there is one, with an empty label.

    Raises:
        ConfigurationError: The file is invalid.
    """
    path = expectation_file(bag)
    if not os.path.lexists(path):
        return {"": Expectation()}
    values = read_yaml(path) or {}
    given = set(map(str, values)) if isinstance(values, dict) else {shortened(values)}
    unknown = sorted(given - _KEYS)
    if unknown:
        raise ConfigurationError(
            f"{path}: expected keys of {', '.join(sorted(_KEYS))}, got {', '.join(unknown)}"
        )
    try:
        return {label: _expectation(path, each) for label, each in _combinations(values)}
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _combinations(values: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield label and values of each combination of the lists in ``policy`` and ``set``."""
    given: dict[str, Any] = dict(values.get("set", {}))
    if "policy" in values:
        given["policy"] = values["policy"]
    swept = {name: each for name, each in given.items() if isinstance(each, list)}
    if not all(swept.values()):
        raise ValueError("expected a value in each list of a sweep, one is empty")
    if math.prod(map(len, swept.values())) > _MOST_CASES:
        raise ValueError(f"expected at most {_MOST_CASES} combinations in a sweep, got more")
    for chosen in product(*swept.values()):
        one = dict(zip(swept, chosen, strict=True))
        new: dict[str, Any] = dict(values)
        if "set" in values:
            new["set"] = {name: one.get(name, value) for name, value in values["set"].items()}
        if "policy" in one:
            new["policy"] = one["policy"]
        yield ", ".join(f"{name}={value}" for name, value in one.items()), new


def expectation_file(bag: Path) -> Path:
    """Return the path of a bag's expectation file."""
    return bag.with_name(f"{bag.name}.yaml")


def write_expectation(
    bag: Path,
    outcome: Outcome,
    reason: str,
    peak_force_n: float,
    policy: Path | None = None,
    as_recorded: bool = False,
) -> None:
    """Write the expectation file of a bag; for the arguments, see ``Expectation``.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    path = expectation_file(bag)
    values: dict[str, str | float] = {
        "outcome": outcome.value,
        "reason": reason,
        "peak_force_n": peak_force_n,
    }
    if as_recorded:
        values["actions"] = _RECORDED
    elif policy is not None:
        values["policy"] = os.path.relpath(policy, path.parent)
    try:
        write_whole(path, yaml.safe_dump(values, sort_keys=False))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error})") from error


def _expectation(path: Path, values: Mapping[str, Any]) -> Expectation:
    counts = {
        str(name): converted("interventions", count, int)
        for name, count in values.get("interventions", {}).items()
    }
    if unknown := sorted(set(counts) - _KINDS):
        raise ValueError(
            f"interventions: expected {', '.join(sorted(_KINDS))}, got {', '.join(unknown)}"
        )
    if values.get("actions", _RECORDED) != _RECORDED or {"actions", "policy"} <= set(values):
        raise ValueError(f"actions: expected {_RECORDED} and no policy, got {values['actions']}")
    if values.get("from", _WIRE) != _WIRE:
        raise ValueError(f"from: expected {_WIRE}, got {values['from']}")
    numbers = {
        name: _number(name, values[name]) for name in _NUMBERS if values.get(name) is not None
    }
    changed = {name: _number(name, value) for name, value in values.get("set", {}).items()}
    return Expectation(
        path.parent / values["policy"] if "policy" in values else None,
        "actions" in values,
        "from" in values,
        numbers.get("tolerance", DEFAULT_TOLERANCE),
        Outcome(values["outcome"]) if "outcome" in values else None,
        str(values["reason"]) if "reason" in values else None,
        numbers.get("peak_force_n"),
        counts,
        WhatIf(
            changed,
            1e-3 * numbers.get("latency_ms", 0.0),
            numbers.get("lose_sensor_after_s"),
        ),
    )


def _number(name: str, value: object) -> float:
    """Return a finite number; with NaN as a tolerance, every replay would be the same."""
    number = converted(name, value, float)
    if name in _NUMBERS and number < 0.0:
        raise ValueError(f"{name}: expected a number of at least 0, got {number}")
    return float(number)


def unmet(bag: Path, expectation: Expectation) -> list[str]:
    """Replay a bag and return its unmet expectations, one sentence each; empty if all are met.

    Raises:
        BagError: The bag cannot be read or replayed.
        ConfigurationError: Its policy is not found, or a limit is out of range.
        ContractError: Its policy cannot be used.
    """
    with BagReader(bag) as reader:
        replay = replay_bag(
            reader,
            *actor_of_bag(reader, expectation.policy, expectation.as_recorded).actor,
            what_if=expectation.what_if,
            tolerance=expectation.tolerance,
            from_wire=expectation.from_wire,
        )
    found, side = differences_of(replay), replay.changed_side or replay.recorded_side
    verdict, done = side.verdict, side.motion.interventions
    if expectation.outcome not in (None, verdict.outcome):
        got = "none" if verdict.outcome is None else f"{verdict.outcome.value} ({verdict.reason})"
        found.append(f"outcome: expected {expectation.outcome.value}, got {got}")
    if expectation.reason not in (None, verdict.reason):
        found.append(f"reason: expected {expectation.reason!r}, got {verdict.reason!r}")
    peak_n = replay.stream.peak_force_n
    if expectation.peak_force_n is not None and peak_n > expectation.peak_force_n:
        found.append(f"peak force: expected at most {expectation.peak_force_n} N, got {peak_n:.1f}")
    found += [
        f"interventions {name}: expected at most {most}, got {done[name]}"
        for name, most in expectation.interventions.items()
        if done.get(name, 0) > most
    ]
    return found
