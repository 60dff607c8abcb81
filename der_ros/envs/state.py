"""The whole state of an environment, and how it is written down.

``EnvironmentState.to_data`` gives lists, texts, numbers and None, as JSON holds them; Python's
JSON writes floats so that the same bits are read. ``from_data`` makes nothing but the types named
here and checks each: reading a state executes nothing that somebody has written.
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

FORMAT = "der_ros environment state 1"


class EnvironmentState(NamedTuple):
    """All that the next observations depend on.

    Attributes:
        made_for: the make of the environment that it fits, in words.
        world: the physics.
        rng: the environment's generator, for the episodes to come.
        conditions: of this episode.
        sensing: bias, noise generators, and what is under way.
        governor: its memory.
        goal: of this episode, true task frame.
        wrench: the last that was read.
        peak_force_n: of this episode so far.
        steps: control steps of this episode so far.
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
        """The state that ``to_data`` wrote.

        Raises:
            ConfigurationError: it is something else.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ConfigurationError(f"environment state: expected {FORMAT!r}, got another format")
        state = _typed(cls, data.get("state"), "state")
        assert isinstance(state, cls)
        return state


def _plain(value: Any) -> Any:
    """A value of the records above in lists and numbers."""
    if isinstance(value, Pose):
        return value.position.tolist() + value.quaternion.tolist()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return value


def _typed(kind: Any, data: Any, where: str) -> Any:
    """The inverse of ``_plain`` for a value of type ``kind``; ``where`` says which, in errors."""
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
