"""Hyper-parameters of a training run in one frozen dataclass, and the YAML files that fill it."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from der_ros.algorithms.base import ALGORITHM_NAMES, CHOICE_ALGORITHMS, LearnerConfig
from der_ros.documents import parse_yaml, read_yaml, shortened
from der_ros.errors import ConfigurationError
from der_ros.installation import package_folders
from der_ros.policy.policy_view import ORIENTATIONS, check_view
from der_ros.replay.shard import ShardConfig
from der_ros.replay.sharded import ReplayConfig, zone_slots
from der_ros.replay.structures import STRUCTURE_NAMES
from der_ros.settings import check_ranges, converted, setting
from der_ros.tasks import TASK_NAMES

PRESET_NAMES = ("fast", "paper", "gym", "wide")
ENGINE_NAMES = ("local", "ray")
# Sections of a file that apply only for one value of a field.
_SECTIONS = {"for_task": "task", "for_algorithm": "algorithm"}
EXPLORATION_NAMES = ("gaussian", "ornstein_uhlenbeck", "policy", "epsilon_greedy")


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration of one training run; steps are environment steps of all workers together.

    In files and on command lines, the fields of ``learner`` are on the top level.
    """

    task: str = setting("lap_joint", "Task that is assembled", choices=TASK_NAMES)
    env: str = setting("", "Gymnasium environment in place of the task's own")
    robot: str | None = setting(
        None,
        "Simulated robot; if several are given, separated by commas, one is drawn for each "
        "episode; None: the task's own",
    )
    success_return: float | None = setting(
        None,
        "With env: return from which an episode counts as a success; None: info['success'], else "
        "the return for which Gymnasium counts the environment as solved",
    )
    clearance_m: float | None = setting(
        None, "Total play between the pieces; None: the environment's default", "m"
    )
    randomization: str | None = setting(None, "Randomisation of the environment; None: its default")
    control_dt_s: float | None = setting(
        None, "Duration of an environment step; None: the environment's default", "s"
    )
    env_options: dict[str, Any] = field(default_factory=dict)
    """All other keywords of the environment, such as ``{"shape": "round"}``."""
    seed: int = setting(0, "Seed of all random numbers", minimum=0)

    algorithm: str = setting("td3", "Learner", choices=ALGORITHM_NAMES)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    reward_scale: float = setting(1.0, "Factor by which the learner multiplies the n-step return")
    gamma: float = setting(0.99, "Discount of one step, 0 < gamma < 1, or 1 with env")
    n_step: int = setting(3, "Number of environment steps in a transition")

    replay_structure: str = setting(
        "no_demos", "Demonstrations that each shard starts with", choices=STRUCTURE_NAMES
    )
    der: bool = setting(
        True, "Dynamic Experience Replay: feed the zones with the run's own successes"
    )
    demos: str = setting(
        "",
        "Demonstration or folder of them: bags of deployments, or .npz episodes; shipped: the "
        "package's six scripted ones of the task; empty: none",
    )
    shards: int = setting(6, "Number of replay shards")
    capacity: int = setting(200_000, "Transitions in all shards together")
    zone_size: float = setting(
        5_000, "Size of the demonstration zone: below 1 a fraction of capacity, else transitions"
    )
    zone_scope: str = setting(
        "total", "Scope of zone_size: all shards together (total) or each shard (shard)"
    )
    permanent_demonstrations: bool = setting(True, "Never let human demonstrations age out")
    alpha: float = setting(0.5, "Exponent of priorities")
    beta: float = setting(0.4, "Exponent of importance weights")
    beta_final: float | None = setting(
        None, "Final beta, 0 to 1, reached linearly at max_env_steps; None: beta stays constant"
    )
    epsilon: float = setting(1e-6, "Added to |td_error| in a priority (|td_error| + epsilon)^alpha")
    zone_share: float | None = setting(
        None,
        "Share of each batch that is drawn from the zone; None: drawn by priority alone. A share "
        "has no effect, and a run warns of it, if the zone stays empty",
    )
    inserted_priority: str = setting(
        "top", "Priority of demonstrations and insertions: top or td_error"
    )
    first_priority: str = setting(
        "top",
        "Priority of new transitions of the workers: top, or td_error, computed with the worker's "
        "own copy of the networks as in Ape-X",
        choices=("top", "td_error"),
    )
    insertion_interval: int = setting(
        2_000, "Steps between insertions; at each, every shard takes one episode"
    )
    pool_episodes: int = setting(500, "Largest number of episodes in the success pool")
    pool_megabytes: int = setting(64, "Largest size of the success pool", "MB")

    batch_size: int = setting(256, "Transitions in an update", minimum=1)
    learning_starts: int = setting(
        2_000, "Steps before the first update, with random actions if there is no initial_policy"
    )
    initial_policy: str = setting(
        "",
        "Policy file whose network and filter the run begins with (training.run."
        "initial_policy); its hidden layers may be smaller than those of the run; empty: drawn "
        "from the seed",
    )
    updates_per_step: float = setting(0.5, "Updates for each step, above 0")
    average_share: float = setting(
        0.0,
        "Evaluate and export the moving average of the policy over about this share of all "
        "updates so far (training.evaluation.policy_average); 0: the newest policy",
        minimum=0.0,
        maximum=1.0,
    )
    update_lag: int = setting(
        0,
        "Largest number of due updates; above it the learner accepts no transitions and the "
        "workers wait; 0: no limit",
    )
    policy_interval: int = setting(
        200, "Number of steps after which a worker gets new parameters", minimum=1
    )
    fragment_steps: int = setting(
        50, "Number of steps that a worker collects before it sends them", minimum=1
    )
    fold_symmetry: bool = setting(
        True, "Fold observations of a symmetric held piece (policy.symmetry)"
    )
    history: tuple[int, ...] = setting(
        (),
        "Ages in steps, ascending, of the earlier observations that the policy sees besides the "
        "newest; 1000: the first of the episode (policy.policy_view)",
    )
    orientation: str = setting(
        "quaternion",
        "Orientation that the policy sees: quaternion, whose sign jumps at a turn of 180 degrees, "
        "or axes, without a jump and equal for all turns of a symmetric piece (policy.policy_view)",
        choices=ORIENTATIONS,
    )
    filter_clip: float = setting(10.0, "Bound of filtered observations, ±, above 0")
    filter_std_floor: float = setting(
        1e-3, "Smallest standard deviation that the filter divides by, above 0"
    )

    exploration: str = setting(
        "gaussian",
        "Noise added to actions (gaussian, ornstein_uhlenbeck), draws from the policy itself "
        "(policy, for SAC), or random choices with some probability (epsilon_greedy, for DQN)",
        choices=EXPLORATION_NAMES,
    )
    noise_min: float = setting(
        0.1, "Noise of the least exploring episode; gaussian: standard deviation of the action"
    )
    noise_max: float = setting(0.8, "Noise of the most exploring episode, at least noise_min")
    action_dropout: float = setting(
        0.0,
        "Probability, below 1, that a component of the action is pure noise for a whole episode",
    )
    helped_share: float = setting(
        0.0,
        "Share of the exploring episodes that a controller with knowledge of the goal finishes, "
        "from a random step on; only with a task of this package",
        minimum=0.0,
        maximum=1.0,
    )
    helped_after_steps: int = setting(
        40, "Latest step of a helped episode at which the controller takes over", minimum=0
    )
    repeated_share: float = setting(
        0.0,
        "Share of the exploring episodes that repeat the conditions of an earlier failure",
        minimum=0.0,
        maximum=1.0,
    )
    ou_theta: float = setting(0.15, "Pull towards zero of the Ornstein-Uhlenbeck process (theta)")
    ou_sigma: float = setting(0.2, "Noise of the Ornstein-Uhlenbeck process (sigma)")
    greedy_epsilon: float = setting(
        0.4,
        "ε of epsilon_greedy in Ape-X's way, between 0 and 1: worker i of N draws at random with "
        "probability ε^(1 + 7i/(N-1))",
    )
    greedy_every: int = setting(
        5,
        "Every so many episodes, a worker runs one without noise, to measure success",
        minimum=1,
    )

    engine: str = setting(
        "local",
        "Place of workers and replay: local, processes of this machine; ray, a Ray cluster",
        choices=ENGINE_NAMES,
    )
    ray_address: str = setting(
        "", "Running Ray cluster, host:port or auto; empty: one is started here"
    )
    workers: int = setting(
        -1,
        "Rollout processes; 0: all in one process, repeatable bit for bit; -1: as many as cores "
        "besides the learner's, at least one",
        minimum=-1,
        maximum=1024,
    )
    torch_threads: int = setting(1, "Threads of the learner's arithmetic", minimum=1)

    max_minutes: float = setting(
        8.0,
        "Budget of this start, wall clock without pauses, above 0; the last evaluation adds to it",
        unit="min",
        minimum=0.0,
    )
    max_env_steps: int = setting(0, "Budget of the whole run; 0: no limit", "steps", 0)
    target_success: float = setting(
        0.95, "Success rate of an evaluation at which the run ends; above 1: never"
    )
    evaluation_episodes: int = setting(
        100, "Episodes of an evaluation, on seeds that training never uses", minimum=1
    )
    evaluation_steps: int = setting(5_000, "Least number of steps between two evaluations")
    evaluation_threshold: float = setting(
        0.9, "Success rate of recent noise-free episodes from which on evaluations take place"
    )
    report_interval_s: float = setting(5.0, "Time between lines of metrics", "s")
    checkpoint_interval_s: float = setting(60.0, "Time between checkpoints", "s")
    checkpoints_kept: int = setting(2, "Newest checkpoints that are kept", minimum=1)

    def __post_init__(self) -> None:
        """Check the settings, and those of replay and learner."""
        check_ranges(self)
        self._check_observations()
        self._check_workers()
        self._check_exploration()
        self._check_learning()
        self._check_replay()

    def _check_observations(self) -> None:
        """Check what the policy and its critic see."""
        check_view(self.history, self.orientation)
        if self.env and (self.history or self.orientation != "quaternion"):
            raise ConfigurationError(
                f"history and orientation: expected neither with env {self.env}, they are of "
                "this package's observations"
            )
        for name in ("filter_clip", "filter_std_floor"):
            self._check_above_0(name)
        privileged = self.learner.privileged
        if privileged > 0 and (self.env or self.demos):
            raise ConfigurationError(
                "privileged: expected 0 with env, which has no privileged state, and with demos, "
                f"which were recorded without it, got {privileged}"
            )
        if privileged > 0 and self.algorithm in CHOICE_ALGORITHMS:
            raise ConfigurationError(
                f"privileged: expected 0 with {self.algorithm}, which has no policy beside its "
                f"critic, got {privileged}"
            )

    def _check_workers(self) -> None:
        """Check that workers and address suit the engine."""
        if self.engine == "ray" and self.workers == 0:
            raise ConfigurationError("workers: expected at least 1 with engine ray, got 0")
        if self.engine != "ray" and self.ray_address:
            raise ConfigurationError(
                "ray_address: expected an empty one with engine local; set engine ray"
            )

    def _check_exploration(self) -> None:
        """Check the exploration's kind against the algorithm, and its sizes."""
        if self.helped_share > 0.0 and self.env:
            raise ConfigurationError(
                f"helped_share: expected 0 with env {self.env}, whose goal is unknown"
            )
        if (self.algorithm in CHOICE_ALGORITHMS) != (self.exploration == "epsilon_greedy"):
            raise ConfigurationError(
                f"exploration: expected epsilon_greedy with {', '.join(CHOICE_ALGORITHMS)}, and "
                f"another one with other algorithms, got {self.exploration} with {self.algorithm}"
            )
        if not 0.0 <= self.action_dropout < 1.0:
            raise ConfigurationError(
                f"action_dropout: expected 0 or more and below 1, got {self.action_dropout}"
            )
        if not 0.0 < self.greedy_epsilon < 1.0:
            raise ConfigurationError(
                f"greedy_epsilon: expected between 0 and 1, got {self.greedy_epsilon}"
            )
        if not 0.0 < self.noise_min <= self.noise_max:
            raise ConfigurationError(
                f"expected 0 < noise_min <= noise_max, got {self.noise_min} and {self.noise_max}"
            )

    def _check_learning(self) -> None:
        """Check the discount, the pace of the updates and the budget."""
        for name in ("max_minutes", "updates_per_step"):
            self._check_above_0(name)
        if self.initial_policy and (self.env or self.algorithm not in ("ddpg", "td3")):
            raise ConfigurationError(
                "initial_policy: expected one with ddpg or td3 and a task of this package, got "
                f"{self.algorithm} and env {self.env!r}"
            )
        if not 0.0 < self.gamma <= 1.0:
            raise ConfigurationError(f"gamma: expected above 0 and at most 1, got {self.gamma}")
        if self.gamma == 1.0 and not self.env:
            raise ConfigurationError(
                "gamma: expected below 1 with a task of this package, in which a piece that is "
                "given up earns its last reward for ever, reward / (1 - gamma); got 1"
            )

    def _check_replay(self) -> None:
        """Check the demonstrations and importance weights, and the replay's own configuration."""
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

    def _check_above_0(self, name: str) -> None:
        if not getattr(self, name) > 0.0:
            raise ConfigurationError(f"{name}: expected above 0, got {getattr(self, name)}")

    def replay(self) -> ReplayConfig:
        """Return the replay's configuration, without a zone if nothing would ever fill it."""
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
        """Return one sentence for each setting that has no effect in this configuration."""
        sentences = []
        if self.demos and self.replay_structure == "no_demos":
            sentences.append(
                f"demos {self.demos} does nothing: replay_structure no_demos starts without "
                "demonstrations; choose one of the other structures"
            )
        if self.zone_share is not None and not self.der and self.replay_structure == "no_demos":
            sentences.append(
                f"zone_share {self.zone_share} does nothing: the demonstration zone stays empty "
                "with der false and replay_structure no_demos; batches are drawn by priority alone"
            )
        return tuple(sentences)

    def worker_count(self) -> int:
        """Return the number of workers; -1 becomes the number of usable CPUs less one."""
        if self.workers >= 0:
            return self.workers
        return max(1, len(os.sched_getaffinity(0)) - 1)

    def to_yaml(self) -> str:
        """Return all fields as YAML, readable by ``load_config``."""
        values = dataclasses.asdict(self)
        values |= values.pop("learner")
        values["hidden"], values["history"] = list(self.learner.hidden), list(self.history)
        text: str = yaml.safe_dump(values, sort_keys=False)
        return text


_LEARNER_HINTS = typing.get_type_hints(LearnerConfig)
_HINTS = {**typing.get_type_hints(TrainingConfig), **_LEARNER_HINTS}
FIELD_NAMES = tuple(name for name in _HINTS if name != "learner")


def load_config(
    source: str | Path, overrides: Mapping[str, object] | None = None
) -> TrainingConfig:
    """Read a preset by name, or a YAML file by path, and apply ``overrides``.

    Values under ``for_task: {NAME: {…}}`` apply only with that task, values under
    ``for_algorithm: {NAME: {…}}`` only with that algorithm. Single ``env_options`` of the overrides
    replace those of the file; with another environment, ``env``, the file's do not apply.

    Raises:
        ConfigurationError: The preset or file does not exist, a key is unknown (the message lists
            the known ones), or a value has the wrong type.
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
    if given.get("env"):
        values.pop("env_options", None)
    own, more = values.get("env_options"), given.get("env_options")
    if isinstance(own, dict) and isinstance(more, dict):
        given["env_options"] = {**own, **more}
    return make_config({**values, **given})


def make_config(values: Mapping[str, object]) -> TrainingConfig:
    """Return a configuration of defaults and ``values``, each checked for its type.

    Fields of the learner may be at the top level or in a mapping ``learner``.
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
    return {name: converted(name, value, _HINTS[name]) for name, value in flat.items()}


def parse_override(text: str) -> tuple[str, object]:
    """Return ``name=value`` as a pair; the value is read as YAML."""
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
