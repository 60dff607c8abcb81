"""Complete state of an environment and its serialisation.

``EnvironmentState.to_data`` returns lists, strings, numbers and None for JSON, which preserves
floats bit by bit. ``from_data`` constructs only the types named here and checks each value, so
reading a state never executes code from it.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from der_ros.envs.conditions import Conditions
from der_ros.envs.sensing import GeneratorState, SensingState
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.policy.governor import GovernorState
from der_ros.rotation import Six
from der_ros.sim.world import WorldSnapshot

FORMAT = "der_ros environment state 2"


class EnvironmentState(NamedTuple):
    """Everything that the next observations depend on.

    Attributes:
        made_for: Description of the environment's settings, compared on restoring.
        world: State of the physics.
        rng: State of the environment's random generator.
        conditions: Conditions of this episode.
        sensing: Bias, noise generators and delayed values.
        governor: State of the motion governor.
        goal: True goal of this episode, task frame.
        wrench: Last measured wrench, N and Nm.
        peak_force_n: Maximum measured force of this episode so far, N.
        steps: Control steps of this episode so far.
    """

    made_for: str
    world: WorldSnapshot
    rng: GeneratorState
    conditions: Conditions
    sensing: SensingState
    governor: GovernorState
    goal: Pose
    wrench: Six
    peak_force_n: float
    steps: int

    def to_data(self) -> dict[str, Any]:
        """Return the state as ``json.dumps`` takes it."""
        return {"format": FORMAT, "state": _plain(self)}

    @classmethod
    def from_data(cls, data: Any) -> EnvironmentState:
        """Return the state that ``to_data`` wrote.

        Raises:
            ConfigurationError: The data are not such a state.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ConfigurationError(
                f"environment state: expected {FORMAT!r}, got another format, as other releases "
                "write it"
            )
        state = _typed(cls, data.get("state"), "state")
        assert isinstance(state, cls)
        return state


def _plain(value: Any) -> Any:
    """Convert a value of the records above to lists and numbers."""
    if isinstance(value, Pose):
        return value.to_sequence()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return value


def _typed(kind: Any, data: Any, where: str) -> Any:
    """Invert ``_plain`` for a value of type ``kind``; errors name it by ``where``."""
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not NoneType]
        return None if data is None else _typed(kinds[0], data, where)
    if kind is Pose:
        return Pose.from_sequence(_typed(tuple[float, ...], data, where), where)
    if get_origin(kind) is tuple:
        return _typed_tuple(get_args(kind), data, where)
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = _hints(kind)
        values = _typed_tuple(tuple(hints.values()), data, where)
        return kind(**dict(zip(hints, values, strict=True)))
    allowed = (int, float) if kind is float else kind
    right = isinstance(data, allowed) and (kind is bool or not isinstance(data, bool))
    if not right or (isinstance(data, float) and not math.isfinite(data)):
        raise ConfigurationError(f"{where}: expected a {kind.__name__}, got {data!r}")
    return float(data) if kind is float else data


def _typed_tuple(kinds: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ConfigurationError(f"{where}: expected a list, got {data!r}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(data)
    if len(kinds) != len(data):
        raise ConfigurationError(f"{where}: expected {len(kinds)} values, got {len(data)}")
    return tuple(
        _typed(kind, one, f"{where}[{number}]")
        for number, (kind, one) in enumerate(zip(kinds, data, strict=True))
    )


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
