"""Settings: fields of frozen dataclasses that carry their unit, range and description.

A setting is declared once, in the dataclass whose code acts on it::

    @dataclass(frozen=True)
    class Limits:
        max_speed_mps: float = setting(0.05, "Speed limit of the TCP", "m/s", 0.0, 2.0)

``settings_of`` reads the declarations back. ROS parameters, command-line options, launch arguments
and the reference pages are derived from them.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from der_ros.documents import shortened
from der_ros.errors import ConfigurationError

_T = TypeVar("_T")
_Number = TypeVar("_Number", int, float)
# No count and no size of this package is larger.
_LARGEST = 1e15
_KEY = "setting"


class Setting(NamedTuple):
    """A setting as its dataclass declares it.

    Attributes:
        field: name of the dataclass' field.
        name: name of the parameter, option or key in a file.
        kind: type of the field, such as ``float`` or ``tuple[float, float, float]``.
        default: value where nothing is given; a tuple where the parameter is a list.
        text: description without the unit.
        unit: unit of the value; empty for none.
        minimum: lower end of the closed range; None for none.
        maximum: upper end of the closed range; None for none.
        choices: allowed values; empty for any.
        tunable: whether the parameter may change while its node runs.
    """

    field: str
    name: str
    kind: Any
    default: Any
    text: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    tunable: bool

    @property
    def description(self) -> str:
        """Description with the unit in brackets."""
        return f"{self.text} [{self.unit}]" if self.unit else self.text

    @property
    def range(self) -> str:
        """Allowed values in words; empty for any."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}"
        return "" if self.maximum is None else f"at most {self.maximum:g}"


def setting(
    default: _T,
    text: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    choices: Sequence[str] = (),
    name: str = "",
    tunable: bool = False,
    required: bool = False,
) -> _T:
    """Return a field of a dataclass that is a setting.

    Args:
        default: value where nothing is given; immutable.
        text: description without the unit.
        unit: unit of the value.
        minimum: lower end of the closed range.
        maximum: upper end of the closed range.
        choices: allowed values.
        name: name of the parameter where it is not the field's.
        tunable: let the parameter change while its node runs.
        required: make code give the value; the default is the parameter's only.
    """
    about = Setting("", name, None, default, text, unit, minimum, maximum, tuple(choices), tunable)
    metadata = {_KEY: about}
    if required:
        return typing.cast(_T, dataclasses.field(metadata=metadata))
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass in their order; fields that are none are left out."""
    hints = typing.get_type_hints(kind)
    return tuple(
        declared._replace(
            field=field.name, name=declared.name or field.name, kind=hints[field.name]
        )
        for field in dataclasses.fields(kind)
        if (declared := field.metadata.get(_KEY)) is not None
    )


def names_of(*kinds: type) -> tuple[str, ...]:
    """Return the names of all settings of dataclasses."""
    return tuple(each.name for kind in kinds for each in settings_of(kind))


def made_from(kind: type[_T], values: Mapping[str, object], **others: Any) -> _T:
    """Return a dataclass of settings, each from ``values`` by its name or else its default.

    Args:
        kind: the dataclass.
        values: values by the settings' names, as a parameters file holds them.
        others: values of the fields that are no settings.

    Raises:
        ConfigurationError: a value has another type or lies outside its range.
    """
    given = {
        each.field: checked(each, values[each.name]) if each.name in values else each.default
        for each in settings_of(kind)
    }
    return kind(**others, **given)


def checked(declared: Setting, raw: object) -> Any:
    """Return ``raw`` as the type of the setting's default, a list as a tuple.

    A whole number is taken where a float is expected, since that is what people write.

    Raises:
        ConfigurationError: the value has another type, lies outside the range, is none of the
            choices, or is a list of numbers of another length.
    """
    value = _typed(declared, raw)
    if declared.choices and value not in declared.choices:
        raise _unexpected(declared, f"one of {', '.join(map(str, declared.choices))}", value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = -math.inf if declared.minimum is None else declared.minimum
        high = math.inf if declared.maximum is None else declared.maximum
        if not low <= value <= high:
            raise ConfigurationError(
                f"parameter {declared.name}: expected {low} to {high}, got {value}"
            )
    return value


def _typed(declared: Setting, raw: object) -> Any:
    default = declared.default
    if isinstance(default, tuple):
        return _typed_list(declared, raw)
    value = float(raw) if isinstance(default, float) and type(raw) is int else raw
    if type(value) is type(default):
        return value
    raise _unexpected(declared, f"a {type(default).__name__}", raw)


def _typed_list(declared: Setting, raw: object) -> tuple[Any, ...]:
    """Return a tuple of the default's item type and, of numbers, of its length."""
    kind, size = type(declared.default[0]), len(declared.default)
    if not isinstance(raw, Iterable) or isinstance(raw, str | bytes):
        raise _unexpected(declared, "a list", raw)
    items = [float(item) if kind is float and type(item) is int else item for item in raw]
    if any(type(item) is not kind for item in items) or (kind is not str and len(items) != size):
        raise _unexpected(declared, f"{size} {kind.__name__}s", items)
    return tuple(items)


def _unexpected(declared: Setting, expected: str, value: object) -> ConfigurationError:
    return ConfigurationError(f"parameter {declared.name}: expected {expected}, got {value!r}")


def converted(name: str, value: object, hint: Any) -> object:
    """Return ``value``, as read from a document, as the type that its field is annotated with.

    Args:
        name: of the setting, for the error.
        value: of YAML or JSON.
        hint: ``int``, ``float``, ``bool``, ``str``, a tuple of ``int``, a ``dict``, or one of them
            with ``None``.

    Raises:
        ConfigurationError: it is of another type, or a number that is not finite.
    """
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
