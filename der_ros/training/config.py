"""Every hyper-parameter of a training run in one frozen record, and the YAML files that fill it."""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from der_ros.algorithms.base import ALGORITHM_NAMES, CHOICE_ALGORITHMS, LearnerConfig
from der_ros.documents import parse_yaml, read_yaml, shortened
from der_ros.errors import ConfigurationError
from der_ros.installation import package_folders
from der_ros.replay.shard import ShardConfig
from der_ros.replay.sharded import ReplayConfig, zone_slots
from der_ros.replay.structures import STRUCTURE_NAMES

PRESET_NAMES = ("fast", "paper", "gym")
ENGINE_NAMES = ("local", "ray")
# Sections of a file that count only with a certain value of a field.
_SECTIONS = {"for_task": "task", "for_algorithm": "algorithm"}
_LARGEST = 1e15
_Number = TypeVar("_Number", int, float)
EXPLORATION_NAMES = ("gaussian", "ornstein_uhlenbeck", "policy", "epsilon_greedy")


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Steps are environment steps of all workers together.

    Attributes:
        task: the task, one of ``der_ros.tasks.TASK_NAMES``.
        env: a Gymnasium id in place of the task's own environment; empty for the task's own.
        robot: on which of the simulation's robots the task is trained; of several, separated by
            commas, one is drawn for each episode; None: the task's own.
        success_return: with ``env``: an episode of at least this return is a success; None: what
            the environment says in ``info["success"]``, else the return for which Gymnasium
            counts it as solved.
        clearance_m: total play between the pieces; None for the environment's default.
        randomization: the environment's randomisation; None for its default.
        control_dt_s: seconds of an environment step; None for the environment's default.
        env_options: all other keywords of the environment, such as ``{"shape": "round"}``.
        seed: of everything that is drawn.

        algorithm: one of ``ALGORITHM_NAMES``.
        learner: networks and losses, a ``LearnerConfig``; in files and on command lines its fields
            stand beside the others.
        reward_scale: factor of the n-step return as the learner sees it.
        gamma: discount of one step.
        n_step: steps of a transition.

        replay_structure: one of ``STRUCTURE_NAMES``.
        der: Dynamic Experience Replay on or off.
        demos: a demonstration or a folder of them, bags or ``.npz`` episodes; empty for none.
        shards: how many.
        capacity: transitions in all shards together.
        zone_size: demonstration zone, part of ``capacity``: below 1 a fraction, else transitions.
        zone_scope: whether these are of all shards together (``total``) or of each (``shard``).
        permanent_demonstrations: human demonstrations never age out.
        alpha: exponent of priorities.
        beta: exponent of importance weights.
        beta_final: ``beta`` at ``max_env_steps``, reached linearly; None keeps it.
        epsilon: added to |td_error|.
        zone_share: share of each batch from the zone; None leaves it to the priorities. It does
            nothing, and a run says so, where neither successes nor demonstrations fill the zone.
        inserted_priority: ``top`` or ``td_error``, of demonstrations and insertions.
        first_priority: of the workers' transitions: ``top``, or their ``td_error`` by the worker's
            own copy of the networks, as in Ape-X.
        insertion_interval: steps between insertions; at each, every shard takes one episode.
        pool_episodes: most episodes in the success pool.
        pool_megabytes: most megabytes in the success pool.

        batch_size: transitions in an update.
        learning_starts: steps with random actions before the first update.
        updates_per_step: updates for each step.
        update_lag: a learner that is this many updates behind takes in no more, so that workers
            wait for it; 0: it takes in everything and falls behind.
        policy_interval: steps of a worker after which it gets new parameters.
        fragment_steps: steps that a worker collects before it sends them.
        fold_symmetry: observations of a symmetric held piece are folded (``policy.symmetry``).
        filter_clip: filtered observations are clipped to ± this.
        filter_std_floor: smallest standard deviation that the filter divides by.

        exploration: noise added to actions (``gaussian``, ``ornstein_uhlenbeck``), draws from the
            policy itself (``policy``, for SAC), or now and then a random choice
            (``epsilon_greedy``, for DQN).
        noise_min: the least exploring episode's noise; gaussian: standard deviation of the action.
        noise_max: the most exploring episode's noise.
        action_dropout: probability that, for an episode, a component of a noisy action is noise
            alone.
        ou_theta: pull of the Ornstein-Uhlenbeck process.
        ou_sigma: its noise.
        greedy_epsilon: Ape-X's ε of ``epsilon_greedy``: worker i of N draws at random with
            probability ε^(1 + 7i/(N-1)).
        greedy_every: each this-many-th episode of a worker is free of noise, to watch success.

        engine: ``local``, processes of this machine; ``ray``, actors of a Ray cluster.
        ray_address: a running Ray cluster, ``host:port`` or ``auto``; empty starts one here.
        workers: rollout processes; 0: none, everything in one process, repeatable bit for bit;
            -1: as many as cores besides the learner's, at least one.
        torch_threads: threads of the learner's arithmetic.

        max_minutes: budget of this start, wall clock without pauses; evaluation at the end extra.
        max_env_steps: budget of the run in all; 0 for none.
        target_success: an evaluation of at least this success rate ends the run; above 1: none.
        evaluation_episodes: episodes of an evaluation, on seeds that training never uses.
        evaluation_steps: fewest steps from one evaluation to the next.
        evaluation_threshold: recent noise-free episodes must succeed at this rate before one.
        report_interval_s: seconds between lines of metrics.
        checkpoint_interval_s: seconds between checkpoints.
        checkpoints_kept: older ones are deleted.
    """

    task: str = "lap_joint"
    env: str = ""
    robot: str | None = None
    success_return: float | None = None
    clearance_m: float | None = None
    randomization: str | None = None
    control_dt_s: float | None = None
    env_options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    algorithm: str = "td3"
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    reward_scale: float = 1.0
    gamma: float = 0.99
    n_step: int = 3

    replay_structure: str = "no_demos"
    der: bool = True
    demos: str = ""
    shards: int = 6
    capacity: int = 200_000
    zone_size: float = 5_000
    zone_scope: str = "total"
    permanent_demonstrations: bool = True
    alpha: float = 0.5
    beta: float = 0.4
    beta_final: float | None = None
    epsilon: float = 1e-6
    zone_share: float | None = None
    inserted_priority: str = "top"
    first_priority: str = "top"
    insertion_interval: int = 2_000
    pool_episodes: int = 500
    pool_megabytes: int = 64

    batch_size: int = 256
    learning_starts: int = 2_000
    updates_per_step: float = 0.5
    update_lag: int = 0
    policy_interval: int = 200
    fragment_steps: int = 50
    fold_symmetry: bool = True
    filter_clip: float = 10.0
    filter_std_floor: float = 1e-3

    exploration: str = "gaussian"
    noise_min: float = 0.1
    noise_max: float = 0.8
    action_dropout: float = 0.0
    ou_theta: float = 0.15
    ou_sigma: float = 0.2
    greedy_epsilon: float = 0.4
    greedy_every: int = 5

    engine: str = "local"
    ray_address: str = ""
    workers: int = -1
    torch_threads: int = 1

    max_minutes: float = 8.0
    max_env_steps: int = 0
    target_success: float = 0.95
    evaluation_episodes: int = 100
    evaluation_steps: int = 5_000
    evaluation_threshold: float = 0.9
    report_interval_s: float = 5.0
    checkpoint_interval_s: float = 60.0
    checkpoints_kept: int = 2

    def __post_init__(self) -> None:
        """Checks what the parts below do not check, then the parts."""
        _one_of("algorithm", self.algorithm, ALGORITHM_NAMES)
        _one_of("replay_structure", self.replay_structure, STRUCTURE_NAMES)
        _one_of("engine", self.engine, ENGINE_NAMES)
        if self.engine == "ray":
            if self.workers == 0:
                raise ConfigurationError("workers: expected at least 1 with engine ray, got 0")
        elif self.ray_address:
            raise ConfigurationError("ray_address: expected engine ray with it, got local")
        _one_of("exploration", self.exploration, EXPLORATION_NAMES)
        if (self.algorithm in CHOICE_ALGORITHMS) != (self.exploration == "epsilon_greedy"):
            raise ConfigurationError(
                f"exploration: expected epsilon_greedy with {', '.join(CHOICE_ALGORITHMS)} and "
                f"with nothing else, got {self.exploration} with {self.algorithm}"
            )
        if not 0.0 <= self.action_dropout < 1.0:
            raise ConfigurationError(
                f"action_dropout: expected 0 or more and below 1, got {self.action_dropout}"
            )
        if not 0.0 < self.greedy_epsilon < 1.0:
            raise ConfigurationError(
                f"greedy_epsilon: expected between 0 and 1, got {self.greedy_epsilon}"
            )
        _one_of("first_priority", self.first_priority, ("top", "td_error"))
        for name in ("batch_size", "fragment_steps", "policy_interval", "greedy_every",
                     "torch_threads", "evaluation_episodes", "checkpoints_kept"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("max_minutes", "updates_per_step", "filter_clip", "filter_std_floor"):
            if not getattr(self, name) > 0.0:
                raise ConfigurationError(f"{name}: expected above 0, got {getattr(self, name)}")
        if self.workers < -1 or self.max_env_steps < 0 or self.seed < 0:
            raise ConfigurationError(
                "expected workers >= -1, max_env_steps >= 0 and seed >= 0, got "
                f"{self.workers}, {self.max_env_steps} and {self.seed}"
            )
        if not 0.0 < self.gamma <= 1.0 or not 0.0 < self.noise_min <= self.noise_max:
            raise ConfigurationError(
                "expected 0 < gamma <= 1 and 0 < noise_min <= noise_max, got "
                f"{self.gamma}, {self.noise_min} and {self.noise_max}"
            )
        if self.beta_final is not None and not (
            0.0 <= self.beta_final <= 1.0 and self.max_env_steps
        ):
            raise ConfigurationError(
                "beta_final: expected a value in [0, 1] and max_env_steps, where it is reached, "
                f"got {self.beta_final} and max_env_steps {self.max_env_steps}"
            )
        if self.replay_structure != "no_demos" and not self.demos:
            raise ConfigurationError(
                f"replay_structure {self.replay_structure}: expected demonstrations, got none; "
                "give demos, or choose no_demos"
            )
        self.replay()

    def replay(self) -> ReplayConfig:
        """The replay's part; a zone that nothing would ever fill is given to the ring."""
        used = self.der or self.replay_structure != "no_demos"
        shards = max(1, self.shards)
        capacity = self.capacity // shards
        zone = zone_slots(self.zone_size, self.zone_scope, capacity, shards)
        shard = ShardConfig(
            capacity=capacity,
            zone_size=zone if used else 0,
            alpha=self.alpha,
            beta=self.beta,
            epsilon=self.epsilon,
            zone_share=self.zone_share,
            permanent_demonstrations=self.permanent_demonstrations,
        )
        return ReplayConfig(
            shards=self.shards,
            shard=shard,
            structure=self.replay_structure,
            der=self.der,
            insertion_interval=self.insertion_interval,
            inserted_priority=self.inserted_priority,
            n_step=self.n_step,
            gamma=self.gamma,
            pool_episodes=self.pool_episodes,
            pool_bytes=self.pool_megabytes * 1024 * 1024,
        )

    def without_effect(self) -> tuple[str, ...]:
        """Return a sentence for each setting that this configuration makes do nothing."""
        if self.zone_share is None or self.der or self.replay_structure != "no_demos":
            return ()
        return (
            f"zone_share {self.zone_share} does nothing: the demonstration zone stays empty with "
            "der false and replay_structure no_demos; batches are drawn by priority alone",
        )

    def worker_count(self) -> int:
        """``workers`` with -1 worked out."""
        if self.workers >= 0:
            return self.workers
        return max(1, len(os.sched_getaffinity(0)) - 1)

    def to_yaml(self) -> str:
        """All fields, readable by ``load_config``."""
        values = dataclasses.asdict(self)
        values |= values.pop("learner")
        values["hidden"] = list(self.learner.hidden)
        text: str = yaml.safe_dump(values, sort_keys=False)
        return text


_LEARNER_HINTS = typing.get_type_hints(LearnerConfig)
_HINTS = {**typing.get_type_hints(TrainingConfig), **_LEARNER_HINTS}
FIELD_NAMES = tuple(name for name in _HINTS if name != "learner")


def load_config(
    source: str | Path, overrides: Mapping[str, object] | None = None
) -> TrainingConfig:
    """Reads a preset by name or a YAML file by path, and puts ``overrides`` on top.

    What a file has under ``for_task: {NAME: {…}}`` counts with that task only, under
    ``for_algorithm: {NAME: {…}}`` with that algorithm only.

    Raises:
        ConfigurationError: no such preset or file, an unknown key (naming the known ones), or a
            value of the wrong type.
    """
    path = _preset_path(source)
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"{path}: expected a mapping of names to values, got {shortened(values)}"
        )
    given = dict(overrides or {})
    for section, name in _SECTIONS.items():
        cases = values.pop(section, {})
        if not isinstance(cases, dict) or not all(isinstance(c, dict) for c in cases.values()):
            raise ConfigurationError(f"{path}: {section}: expected a mapping of names to mappings")
        chosen = given.get(name, values.get(name, getattr(TrainingConfig, name)))
        values |= cases.get(chosen, {}) if isinstance(chosen, str) else {}
    try:
        _checked_fields(values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return make_config({**values, **given})


def make_config(values: Mapping[str, object]) -> TrainingConfig:
    """A configuration of defaults and ``values``, each checked for its type.

    Fields of the learner stand beside the others, or in a mapping ``learner``.
    """
    checked = _checked_fields(values)
    of_learner = {name: checked.pop(name) for name in _LEARNER_HINTS if name in checked}
    return TrainingConfig(**checked, learner=LearnerConfig(**of_learner))


def _checked_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Return the values by field, those of the learner among them, each of its field's type."""
    nested = values.get("learner", {})
    flat = {**nested} if isinstance(nested, Mapping) else {}
    flat |= {name: value for name, value in values.items() if name != "learner"}
    unknown = sorted(set(flat) - set(FIELD_NAMES))
    if unknown:
        raise ConfigurationError(
            f"configuration: unknown {', '.join(map(str, unknown))}; known are "
            f"{', '.join(FIELD_NAMES)}"
        )
    return {name: _convert(name, value, _HINTS[name]) for name, value in flat.items()}


def parse_override(text: str) -> tuple[str, object]:
    """``name=value`` as a pair; the value is read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"override: expected name=value, got {text!r}")
    return name.strip(), parse_yaml(value, f"override {name}")


def _preset_path(source: str | Path) -> Path:
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        return path
    *installed, beside_sources = package_folders("config")
    for folder in (beside_sources, *installed):
        candidate = folder / "train" / f"{source}.yaml"
        if candidate.is_file():
            return candidate
    raise ConfigurationError(
        f"preset: expected one of {', '.join(PRESET_NAMES)} or the path of a .yaml file, "
        f"got {str(source)!r}"
    )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def _convert(name: str, value: object, hint: Any) -> object:
    """``value`` as the type that the field is annotated with."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return tuple(_in_range(name, item) for item in value)
        raise ConfigurationError(
            f"{name}: expected a list of whole numbers, got {shortened(value)}"
        )
    if typing.get_origin(hint) is dict:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return dict(value)
        raise ConfigurationError(
            f"{name}: expected a mapping of names to values, got {shortened(value)}"
        )
    if hint in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        value = _in_range(name, value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is hint:
        return value
    raise ConfigurationError(f"{name}: expected a {hint.__name__}, got {shortened(value)}")


def _in_range(name: str, value: _Number) -> _Number:
    """Return ``value`` where it is finite and no larger than any count or size can be."""
    if not abs(value) <= _LARGEST:
        raise ConfigurationError(
            f"{name}: expected a finite number of at most {_LARGEST:g}, got {shortened(value)}"
        )
    return value
