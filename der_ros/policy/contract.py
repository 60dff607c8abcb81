"""Contract of a policy file: observation, action, their units and frame, and the control period.

The contract is stored in the ONNX file's metadata: one key per field, each value a JSON text whose
floats round-trip exactly. A policy without a contract, or whose observation or action differs from
this package's, is rejected before anything moves.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from der_ros.documents import parse_json, shortened
from der_ros.errors import ConfigurationError, ContractError
from der_ros.geometry import Array
from der_ros.policy.dither import check_share
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.observation import (
    ACTION_NAMES,
    ACTION_UNITS,
    OBSERVATION_NAMES,
    OBSERVATION_UNITS,
)
from der_ros.policy.policy_view import PolicyView

METADATA_PREFIX = "der_ros."
CONTRACT_VERSION, VIEW_VERSION = 1, 2
"""Format versions: without and with a view (``policy.policy_view``)."""
# Periods that a timer of policy_server can keep.
_SHORTEST_S, _LONGEST_S = 0.001, 10.0
# Files written before these fields existed get the defaults.
_ADDED_LATER = frozenset(
    {"symmetry", "precision", "history", "orientation", "sensor_filter_hz", "dither"}
)
PRECISIONS = ("float64", "float32")
"""Number formats of a policy file's computation; observations and actions are always float32."""


class DescribedTask(Protocol):
    """Properties of a task that a contract needs."""

    @property
    def name(self) -> str:
        """Name under which the task is registered."""
        ...

    @property
    def speed_limits(self) -> Array:
        """Twist of an action of ones, (6,) m/s and rad/s."""
        ...


@dataclass(frozen=True)
class PolicyContract:
    """Contract of one policy file.

    Attributes:
        task: Name of the task that the policy was trained on.
        action_limits: Twist of an action of ones, (6,) m/s and rad/s; the twist is action times
            limits.
        control_dt_s: Time between two actions, as in training, s.
        observation_names: Names of the observation's elements, (13,), in order.
        observation_units: Units of the observation's elements, (13,), in order.
        action_names: Names of the action's elements, (6,), in order.
        action_units: Units of the twist that an action is scaled to, (6,), in order.
        frame: Frame of observation and action.
        filter_clip: Bound to which the filtered observation is clipped on both sides; None without
            a filter.
        governor: Governor limits during training, compared at deployment; None if unknown.
        symmetry: Rotational symmetry of the held piece, by which the policy folds its observation
            (``policy.symmetry``); 1: no folding.
        history: Lags, in actions, of the earlier observations that the network gets beside the
            newest one (``policy.policy_view``); empty: none.
        orientation: Representation of the rotation in the network's input, one of
            ``policy.policy_view.ORIENTATIONS``.
        precision: Number format between observation and action, one of ``PRECISIONS``.
        sensor_filter_hz: Cut-off of the force sensor's own low-pass filter in training, Hz;
            0: none.
        dither: Probability that a component of the action pauses while the held piece stays in one
            place (``policy.dither``); 0: no dither.
        version: Format version; an earlier release rejects a policy whose view it does not know.

    Raises:
        ContractError: A number of elements, a limit, the period or another field is invalid.
    """

    task: str
    action_limits: tuple[float, ...]
    control_dt_s: float
    observation_names: tuple[str, ...] = OBSERVATION_NAMES
    observation_units: tuple[str, ...] = OBSERVATION_UNITS
    action_names: tuple[str, ...] = ACTION_NAMES
    action_units: tuple[str, ...] = ACTION_UNITS
    frame: str = "task"
    filter_clip: float | None = None
    governor: GovernorLimits | None = None
    symmetry: int = 1
    precision: str = "float64"
    history: tuple[int, ...] = ()
    orientation: str = "quaternion"
    sensor_filter_hz: float = 0.0
    dither: float = 0.0
    version: int = CONTRACT_VERSION

    def __post_init__(self) -> None:
        """Convert sequences to tuples and check all fields."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (list, np.ndarray)):
                object.__setattr__(self, field.name, tuple(value))
        limits = tuple(float(limit) for limit in self.action_limits)
        object.__setattr__(self, "action_limits", limits)
        problems = []
        if len(limits) != len(self.action_names) or not all(0.0 < x < math.inf for x in limits):
            problems.append(
                f"action_limits: expected {len(self.action_names)} finite numbers above zero, "
                f"got {list(limits)}"
            )
        if not 0.0 < self.control_dt_s < math.inf:
            problems.append(f"control_dt_s: expected seconds above zero, got {self.control_dt_s}")
        if self.filter_clip is not None and not 0.0 < self.filter_clip < math.inf:
            problems.append(f"filter_clip: expected a number above zero, got {self.filter_clip}")
        if self.symmetry < 0:
            problems.append(f"symmetry: expected 0 or more turns, got {self.symmetry}")
        if not 0.0 <= self.sensor_filter_hz < math.inf:
            problems.append(f"sensor_filter_hz: expected 0 or more, got {self.sensor_filter_hz}")
        if self.precision not in PRECISIONS:
            problems.append(f"precision: expected one of {PRECISIONS}, got {self.precision!r}")
        _raise(problems)
        check_share(self.dither)
        if not self.view().is_plain and self.version == CONTRACT_VERSION:
            object.__setattr__(self, "version", VIEW_VERSION)

    @classmethod
    def for_task(
        cls,
        task: DescribedTask,
        control_dt_s: float,
        governor: GovernorLimits | None = None,
        symmetry: int = 1,
        history: Sequence[int] = (),
        orientation: str = "quaternion",
        sensor_filter_hz: float = 0.0,
    ) -> PolicyContract:
        """Return the contract of a policy trained on ``task``, one action per ``control_dt_s``."""
        return cls(
            task.name,
            tuple(float(limit) for limit in task.speed_limits),
            float(control_dt_s),
            governor=governor,
            symmetry=symmetry,
            history=tuple(history),
            orientation=orientation,
            sensor_filter_hz=sensor_filter_hz,
        )

    def view(self) -> PolicyView:
        """Return a new view, which turns an attempt's observations into network inputs."""
        return PolicyView(self.history, self.orientation, self.symmetry)

    @property
    def input_size(self) -> int:
        """Number of elements in the network's input."""
        return self.view().size

    @property
    def folded_symmetry(self) -> int:
        """Symmetry by which the network folds its input; 1: none, or the view folds."""
        return self.symmetry if self.orientation == "quaternion" else 1

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> PolicyContract:
        """Read the contract from an ONNX file's metadata; other keys are ignored.

        Raises:
            ContractError: A key is missing, or a value is not JSON text of the right type.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        names = [name for name in known if METADATA_PREFIX + name in metadata]
        missing = [name for name in known if name not in names and name not in _ADDED_LATER]
        if missing:
            raise ContractError(
                "policy metadata: expected the contract that der_ros export_policy writes, "
                f"missing {', '.join(METADATA_PREFIX + name for name in missing)}; export again"
            )
        values = {name: _parse(name, metadata[METADATA_PREFIX + name]) for name in names}
        try:
            return cls(**values)
        except (TypeError, ConfigurationError) as error:
            raise ContractError(f"policy metadata: {error}") from error

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata entries, one JSON text per field; floats round-trip exactly."""
        fields = dataclasses.asdict(self)
        return {METADATA_PREFIX + name: json.dumps(value) for name, value in fields.items()}

    def check(self, task: str | None = None, governor: GovernorLimits | None = None) -> None:
        """Check that the policy fits this package's observation and action.

        Args:
            task: Name of the task to perform; None for any.
            governor: Governor limits of the deployment, which must equal those of training if the
                contract has them; None for any.

        Raises:
            ContractError: The contract differs; the message lists each field, expected and actual.
        """
        wanted: list[tuple[str, object, object]] = [
            (
                "version",
                CONTRACT_VERSION if self.view().is_plain else VIEW_VERSION,
                self.version,
            ),
            ("frame", "task", self.frame),
            ("observation_names", OBSERVATION_NAMES, self.observation_names),
            ("observation_units", OBSERVATION_UNITS, self.observation_units),
            ("action_names", ACTION_NAMES, self.action_names),
            ("action_units", ACTION_UNITS, self.action_units),
        ]
        if not _SHORTEST_S <= self.control_dt_s <= _LONGEST_S:
            wanted.append(
                ("control_dt_s", f"{_SHORTEST_S:g} to {_LONGEST_S:g} s", self.control_dt_s)
            )
        if task is not None:
            wanted.append(("task", task, self.task))
        if governor is not None and self.governor is not None:
            wanted.append(("governor", governor, self.governor))
        _raise([f"{name}: expected {a}, got {b}" for name, a, b in wanted if a != b])

    def scale(self, action: NDArray[np.float32]) -> Array:
        """Return the twist of an action in [-1, 1], (6,) m/s and rad/s, task axes."""
        twist: Array = np.clip(action.astype(np.float64), -1.0, 1.0) * np.array(self.action_limits)
        return twist


def _parse(name: str, text: str) -> Any:
    """Parse one field of the contract from its JSON text."""
    try:
        value = parse_json(text, f"policy metadata {name}")
    except ConfigurationError as error:
        raise ContractError(str(error)) from error
    problem = ContractError(f"policy metadata {name}: {shortened(text)} is not of the right type")
    if name in ("task", "frame", "precision", "orientation"):
        right = isinstance(value, str)
    elif name in ("symmetry", "version"):
        right = type(value) is int
    elif name == "governor":
        if isinstance(value, dict):
            return _governor(value)
        right = value is None
    elif name in ("control_dt_s", "filter_clip", "sensor_filter_hz", "dither"):
        right = _is_number(value) or (name == "filter_clip" and value is None)
    else:
        item = _ITEMS.get(name, _is_text)
        right = isinstance(value, list) and all(item(entry) for entry in value)
        value = tuple(value) if right else value
    if not right:
        raise problem
    return value


def _governor(value: Mapping[str, Any]) -> GovernorLimits:
    try:
        return GovernorLimits(**value)
    except (TypeError, ConfigurationError) as error:
        raise ContractError(f"policy metadata governor: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return type(value) is int


_ITEMS = {"action_limits": _is_number, "history": _is_whole}


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise ContractError("policy contract: " + "; ".join(problems))
