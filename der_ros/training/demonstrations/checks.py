"""Checks of demonstrations against the contract of their task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from der_ros.bags.demonstrations import DemonstrationFacts, read_facts
from der_ros.bags.reader import BagReader
from der_ros.errors import BagError, ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.policy_topics import ACTION_TOPIC, CONTRACT_TOPIC
from der_ros.tasks import make_task
from der_ros.training.demonstrations.bag_episodes import bag_episode

LONGEST_GAP_PERIODS = 3.0
"""Largest time between two actions, in control periods."""
_PERIOD_TOLERANCE = 0.1


@dataclass(frozen=True)
class CheckedDemonstration:
    """Result of the checks of one demonstration.

    Attributes:
        path: Path of the bag.
        facts: Author and place of the recording; None for the bag of a deployment.
        steps: Number of actions up to the success; 0 where it is no episode.
        problems: One sentence per problem found.
    """

    path: Path
    facts: DemonstrationFacts | None
    steps: int
    problems: tuple[str, ...]


def demonstrated_task(bag: Path) -> str | None:
    """Return the task of a demonstration, or that of the contract in any other bag; None without.

    Raises:
        ConfigurationError: The facts about the demonstration, or the bag, are damaged.
    """
    facts = read_facts(bag)
    if facts is not None:
        return facts.task
    try:
        with BagReader(bag) as reader:
            return _recorded_contract(reader).get("contract.task")
    except BagError as error:
        raise ConfigurationError(str(error)) from error


def check_demonstration(path: Path, contract: PolicyContract) -> CheckedDemonstration:
    """Check a bag against the contract of the policies that will be trained with it.

    Compares the task, the frame, names and units of observation and action, speeds, control period
    and gaps, and converts the bag as training does.
    """
    problems: list[str] = []
    facts, steps = None, 0
    try:
        facts = read_facts(path)
        if facts is not None and facts.task != contract.task:
            problems.append(f"task: expected {contract.task}, got {facts.task}")
        with BagReader(path) as reader:
            problems += _contract_problems(reader, contract)
            problems += _time_problems(reader, contract.control_dt_s)
        steps = len(bag_episode(path, make_task(contract.task)).actions)
    except (BagError, ConfigurationError) as error:
        problems.append(str(error))
    return CheckedDemonstration(path, facts, steps, tuple(problems))


def _contract_problems(reader: BagReader, contract: PolicyContract) -> list[str]:
    """Return the differences between the bag's contract and ``contract``, one sentence each."""
    if not reader.has(CONTRACT_TOPIC):
        return [
            f"{CONTRACT_TOPIC}: expected the contract of the policy that acted, the bag has none"
        ]
    held = _recorded_contract(reader)
    return [
        f"{name}: expected {expected}, got {got or 'nothing'}"
        for name, expected in _as_texts(contract).items()
        if not _equal(expected, got := held.get(f"contract.{name}", ""))
    ]


def _recorded_contract(reader: BagReader) -> dict[str, str]:
    """Return the texts of the newest contract in a bag by key; none if it holds no contract."""
    if not reader.has(CONTRACT_TOPIC):
        return {}
    *_, newest = reader.messages(reader.find(CONTRACT_TOPIC))
    return {pair.key: pair.value for pair in newest.message.values}


def _as_texts(contract: PolicyContract) -> Mapping[str, str]:
    return {
        "task": contract.task,
        "frame": contract.frame,
        "control_dt_s": str(contract.control_dt_s),
        "action_limits": " ".join(map(str, contract.action_limits)),
        "observation_names": " ".join(contract.observation_names),
        "observation_units": " ".join(contract.observation_units),
        "action_names": " ".join(contract.action_names),
        "action_units": " ".join(contract.action_units),
    }


def _equal(expected: str, got: str) -> bool:
    if expected == got:
        return True
    try:
        ours, theirs = (np.array(text.split(), np.float64) for text in (expected, got))
    except ValueError:
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=1e-6))


def _time_problems(reader: BagReader, period_s: float) -> list[str]:
    """Return the problems of the actions' time stamps, one sentence each."""
    times_ns = [time_ns for _, time_ns, _ in reader.messages(reader.find(ACTION_TOPIC))]
    if len(times_ns) < 2:
        return [f"{ACTION_TOPIC}: expected two or more actions, got {len(times_ns)}"]
    steps_s = 1e-9 * np.diff(np.array(times_ns, np.int64))
    problems = []
    typical_s, longest_s = float(np.median(steps_s)), float(steps_s.max())
    if abs(typical_s - period_s) > _PERIOD_TOLERANCE * period_s:
        problems.append(f"control period: expected {period_s:g} s, got {typical_s:.4f} s")
    if longest_s > LONGEST_GAP_PERIODS * period_s:
        problems.append(
            f"gap: expected at most {LONGEST_GAP_PERIODS * period_s:g} s between two actions, got "
            f"{longest_s:.3f} s"
        )
    return problems
