"""Changes to a recorded attempt: other parameters, added latency, or a lost sensor."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from der_ros.control.motion_config import MotionConfig
from der_ros.errors import ConfigurationError
from der_ros.offline_replay.attempt_setup import AttemptSetup
from der_ros.parameters.policy_server import InputParameters
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.home import HomeLimits
from der_ros.policy.stall import StallLimits

_LIMITS = {each.name for each in dataclasses.fields(GovernorLimits)}
_LIMITS -= {"workspace_min_m", "workspace_max_m"}
_WATCHDOGS = {"command_timeout_s", "wrench_timeout_s"}
_INPUTS = {each.name for each in dataclasses.fields(InputParameters)}
_STALL = {"stall_s": "patience_s", "stall_distance_m": "moved_m"}
_FILTER = "filter_cutoff_hz"
_HOME = {"home_depth_m": "depth_m", "home_felt_n": "felt_n", "home_hold_s": "hold_s"}
SETTABLE = {
    "kuka_bridge": _LIMITS | _WATCHDOGS,
    "policy_server": _INPUTS,
    "assembly_supervisor": {*_STALL, *_HOME},
    "ft_bridge": {_FILTER},
}
"""Parameters that ``--set`` can change, by node."""


_LONGEST_S = 1e6


@dataclass(frozen=True)
class WhatIf:
    """Changes of a replay against the record; none by default.

    Attributes:
        parameters: Values by ``node.parameter``; see ``SETTABLE``.
        latency_s: Latency added to each command of the policy, s.
        lose_sensor_after_s: Time after the first message, s, from which wrenches are dropped; None
            keeps all.

    Raises:
        ConfigurationError: A parameter is not in ``SETTABLE`` or not finite, or a time is negative
            or longer than any bag.
    """

    parameters: Mapping[str, float] = field(default_factory=dict)
    latency_s: float = 0.0
    lose_sensor_after_s: float | None = None

    def __post_init__(self) -> None:
        """Check the parameter names and the times."""
        for name in self.parameters:
            node, _, parameter = name.partition(".")
            if parameter not in SETTABLE.get(node, set()):
                known = sorted(f"{n}.{p}" for n, all_of in SETTABLE.items() for p in all_of)
                raise ConfigurationError(f"--set: expected one of {', '.join(known)}, got {name!r}")
            if not math.isfinite(self.parameters[name]):
                raise ConfigurationError(
                    f"--set: expected a finite number for {name}, got {self.parameters[name]}"
                )
        lost_s = self.lose_sensor_after_s
        if not all(0.0 <= time_s <= _LONGEST_S for time_s in (self.latency_s, lost_s or 0.0)):
            raise ConfigurationError(
                f"expected times of at least 0 and at most {_LONGEST_S:g} s, got a latency of "
                f"{self.latency_s} s and a sensor that is lost after {lost_s} s"
            )

    @property
    def is_change(self) -> bool:
        """True if anything differs from the record."""
        return bool(self.parameters) or self.latency_s > 0.0 or self.lose_sensor_after_s is not None

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
        limits = dataclasses.replace(setup.limits, **self._of("kuka_bridge", _LIMITS))  # type: ignore[arg-type]
        return MotionConfig(
            setup.base_from_task,
            setup.tcp_from_sensor,
            limits,
            base_frame=setup.base_frame,
            **self._of("kuka_bridge", _WATCHDOGS),  # type: ignore[arg-type]
        )

    def inputs(self) -> InputParameters:
        """Return the freshness limits of the policy's inputs with the changes."""
        return InputParameters(**self._of("policy_server", _INPUTS))

    def stall(self) -> StallLimits:
        """Return the limits of a stall with the changes."""
        given = self._of("assembly_supervisor", set(_STALL))
        return StallLimits(**{_STALL[name]: value for name, value in given.items()})

    def home(self) -> HomeLimits:
        """Return the limits within which a piece is home, with the changes."""
        given = self._of("assembly_supervisor", set(_HOME))
        return HomeLimits(**{_HOME[name]: value for name, value in given.items()})

    def filter_cutoff_hz(self) -> float:
        """Return the cut-off of a filter of the recorded wrenches, Hz; 0: none."""
        return self._of("ft_bridge", {_FILTER}).get(_FILTER, 0.0)

    def _of(self, node: str, names: set[str]) -> dict[str, float]:
        given = {name.removeprefix(f"{node}."): v for name, v in self.parameters.items()}
        return {name: value for name, value in given.items() if name in names}


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
