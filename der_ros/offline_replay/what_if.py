"""Changes to a recorded attempt: other parameters, added latency, or a lost sensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from der_ros.control.motion_config import MotionConfig
from der_ros.errors import ConfigurationError
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.home import HomeLimits
from der_ros.policy.stall import StallLimits
from der_ros.settings import Setting, checked, settings_of

if TYPE_CHECKING:
    from der_ros.parameters.policy_server import InputParameters


_FILTER = "filter_cutoff_hz"
_WATCHDOGS = ("command_timeout_s", "wrench_timeout_s")
_LONGEST_S = 1e6


@cache
def settable() -> Mapping[str, Mapping[str, Setting]]:
    """Return the parameters that ``--set`` can change, by node and name."""
    # Imported here: most replays change no parameter, and the import takes time.
    from der_ros.parameters.ft_bridge import ConditioningParameters
    from der_ros.parameters.policy_server import InputParameters

    return {
        "kuka_bridge": _settings(GovernorLimits) | _settings(MotionConfig, *_WATCHDOGS),
        "policy_server": _settings(InputParameters),
        "assembly_supervisor": _settings(StallLimits) | _settings(HomeLimits),
        "ft_bridge": _settings(ConditioningParameters, _FILTER),
    }


def _settings(kind: type, *names: str) -> dict[str, Setting]:
    """Return settings of a dataclass by name; without names, all that are one number."""
    return {
        each.name: each
        for each in settings_of(kind)
        if (each.name in names if names else each.kind is float)
    }


@dataclass(frozen=True)
class WhatIf:
    """Changes of a replay against the record; none by default.

    Attributes:
        parameters: Values by ``node.parameter``; see ``settable``.
        latency_s: Latency added to each command of the policy, s.
        lose_sensor_after_s: Time after the first message, s, from which wrenches are dropped; None
            keeps all.

    Raises:
        ConfigurationError: A parameter is not in ``settable`` or out of its range, or a time is
            negative or longer than any bag.
    """

    parameters: Mapping[str, float] = field(default_factory=dict)
    latency_s: float = 0.0
    lose_sensor_after_s: float | None = None

    def __post_init__(self) -> None:
        """Check the parameter names and the times."""
        for name, value in self.parameters.items():
            _check_parameter(name, value)
        _check_time("latency of the commands", self.latency_s)
        if self.lose_sensor_after_s is not None:
            _check_time("loss of the sensor", self.lose_sensor_after_s)

    @property
    def is_change(self) -> bool:
        """True if anything differs from the record."""
        return bool(self.parameters) or self.latency_s > 0.0 or self.lose_sensor_after_s is not None

    @property
    def judges_inputs(self) -> bool:
        """True if inputs that the recorded policy accepted may be too old now."""
        return self.lose_sensor_after_s is not None or self._limits_inputs

    @property
    def changes_inputs(self) -> bool:
        """True if all inputs of the policy, or the limits of their age, are not the recorded."""
        return self._limits_inputs or self.filter_cutoff_hz() > 0.0

    @property
    def _limits_inputs(self) -> bool:
        return any(name.startswith("policy_server.") for name in self.parameters)

    def in_words(self) -> list[str]:
        """Return the changes, one text each."""
        words = [f"{name} = {value:g}" for name, value in self.parameters.items()]
        if self.latency_s > 0.0:
            words.append(f"each command {1e3 * self.latency_s:g} ms later")
        if self.lose_sensor_after_s is not None:
            words.append(f"no force reading after {self.lose_sensor_after_s:g} s")
        return words

    def motion(self, setup: AttemptSetup) -> MotionConfig:
        """Return the configuration of the bridge's motion with the changes.

        Raises:
            ConfigurationError: A limit is out of range.
        """
        limits = dataclasses.replace(setup.limits, **self._of("kuka_bridge", GovernorLimits))  # type: ignore[arg-type]
        return MotionConfig(
            setup.base_from_task,
            setup.tcp_from_sensor,
            limits,
            base_frame=setup.base_frame,
            **self._of("kuka_bridge", MotionConfig),  # type: ignore[arg-type]
        )

    def inputs(self) -> InputParameters:
        """Return the freshness limits of the policy's inputs with the changes."""
        # Imported here: a replay without a policy needs none.
        from der_ros.parameters.policy_server import InputParameters

        return InputParameters(**self._of("policy_server", InputParameters))

    def stall(self) -> StallLimits:
        """Return the limits of a stall with the changes."""
        return StallLimits(**self._of("assembly_supervisor", StallLimits))

    def home(self) -> HomeLimits:
        """Return the limits within which a piece is home, with the changes."""
        return HomeLimits(**self._of("assembly_supervisor", HomeLimits))

    def filter_cutoff_hz(self) -> float:
        """Return the cut-off of a filter of the recorded wrenches, Hz; 0: none."""
        return self.parameters.get(f"ft_bridge.{_FILTER}", 0.0)

    def _of(self, node: str, kind: type) -> dict[str, float]:
        """Return the changed values of a node by the fields of a dataclass with its settings."""
        if not self.parameters:
            return {}
        return {
            each.field: self.parameters[f"{node}.{each.name}"]
            for each in settings_of(kind)
            if f"{node}.{each.name}" in self.parameters
        }


def _check_parameter(name: str, value: float) -> None:
    node, _, parameter = name.partition(".")
    declared = settable().get(node, {}).get(parameter)
    if declared is None:
        known = sorted(f"{n}.{p}" for n, all_of in settable().items() for p in all_of)
        raise ConfigurationError(f"--set: expected one of {', '.join(known)}, got {name!r}")
    try:
        checked(declared, value)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"--set: {name}: expected {declared.range}, got {value:g}"
        ) from error


def _check_time(what: str, time_s: float) -> None:
    if not 0.0 <= time_s <= _LONGEST_S:
        raise ConfigurationError(
            f"{what}: expected at least 0 and at most {_LONGEST_S:g} s, got {time_s:g} s"
        )


def parse_parameters(texts: Sequence[str]) -> dict[str, float]:
    """Parse texts of the form ``node.parameter=number`` into values by name.

    Raises:
        ConfigurationError: A text has another form.
    """
    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            parameters[name] = float(value)
        except ValueError as error:
            raise ConfigurationError(
                f"--set: expected node.parameter=number, got {text!r}"
            ) from error
        if not equals:
            raise ConfigurationError(f"--set: expected node.parameter=number, got {text!r}")
    return parameters
