"""Settings: fields of frozen dataclasses with unit, range and description.

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
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from der_ros.documents import shortened
from der_ros.errors import ConfigurationError

_T = TypeVar("_T")
LARGEST = 1e15
"""Largest number of a setting without a range; larger than any count or size in this package."""
_KEY = "setting"
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(?P<exponent>[eE][-+]?[0-9]+)?")
"""Text of a number; ``float`` also takes blanks, 1_0, nan and the digits of other scripts."""


class Setting(NamedTuple):
    """A setting as declared in its dataclass.

    Attributes:
        field: Name of the dataclass field.
        name: Name of the parameter, option or key in a file.
        kind: Type of the field, such as ``float`` or ``tuple[float, float, float]``.
        default: Default value; a tuple for a list.
        text: Description without the unit.
        unit: Unit of the value; empty if it has none.
        minimum: Lower end of the closed range; None if unbounded.
        maximum: Upper end of the closed range; None if unbounded.
        choices: Allowed values; empty if any are allowed.
        tunable: True if the parameter may change while its node runs.
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
        """Allowed values as text; empty if any are allowed."""
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
    """Declare a dataclass field as a setting.

    Args:
        default: Default value; immutable.
        text: Description without the unit.
        unit: Unit of the value.
        minimum: Lower end of the closed range.
        maximum: Upper end of the closed range.
        choices: Allowed values.
        name: Name of the parameter, if it differs from the field's name.
        tunable: Allow changes while the node runs.
        required: Require the value in code; the default applies only to the parameter.
    """
    about = Setting("", name, None, default, text, unit, minimum, maximum, tuple(choices), tunable)
    metadata = {_KEY: about}
    if required:
        return typing.cast(_T, dataclasses.field(metadata=metadata))
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass in order, without its other fields."""
    hints = typing.get_type_hints(kind)
    return tuple(
        declared._replace(
            field=field.name, name=declared.name or field.name, kind=hints[field.name]
        )
        for field in dataclasses.fields(kind)
        if (declared := field.metadata.get(_KEY)) is not None
    )


def names_of(*kinds: type) -> tuple[str, ...]:
    """Return the names of all settings of the given dataclasses."""
    return tuple(each.name for kind in kinds for each in settings_of(kind))


def made_from(kind: type[_T], values: Mapping[str, object], **others: Any) -> _T:
    """Create a dataclass with settings from ``values``, or else their defaults.

    Args:
        kind: Dataclass to create.
        values: Values by setting name, as read from a parameters file.
        others: Values of the fields that are not settings.

    Raises:
        ConfigurationError: A value has the wrong type or is out of range.
    """
    fields = {
        each.field: checked(each, values[each.name]) if each.name in values else each.default
        for each in settings_of(kind)
    }
    return kind(**others, **fields)


def checked(declared: Setting, raw: object) -> Any:
    """Validate ``raw`` and return it as the type of the setting's field, with lists as tuples.

    Raises:
        ConfigurationError: The value has the wrong type or length, is out of range, or is not one
            of the choices.
    """
    name = f"parameter {declared.name}"
    value = _typed(name, raw, declared.kind)
    if declared.choices and value not in declared.choices:
        raise _unexpected(name, f"one of {', '.join(map(str, declared.choices))}", value)
    low = -math.inf if declared.minimum is None else declared.minimum
    high = math.inf if declared.maximum is None else declared.maximum
    for item in value if isinstance(value, tuple) else (value,):
        if type(item) in (int, float):
            # Negated so that NaN fails too.
            if not low <= item <= high:
                raise _unexpected(name, f"{low} to {high}", value)
            _require_finite(name, item)
    return value


def check_ranges(made: object) -> None:
    """Check each setting of a dataclass instance against its choices and range; None is allowed.

    Raises:
        ConfigurationError: A value is out of range, or is not one of the choices.
    """
    for each in settings_of(type(made)):
        value = getattr(made, each.field)
        if each.choices and value not in each.choices:
            raise ConfigurationError(
                f"{each.name}: expected one of {', '.join(each.choices)}, got {value!r}"
            )
        if value is None:
            continue
        # Negated so that NaN fails too.
        if each.maximum is not None and not value <= each.maximum:
            raise ConfigurationError(f"{each.name}: expected at most {each.maximum:g}, got {value}")
        if each.minimum is not None and not value >= each.minimum:
            raise ConfigurationError(
                f"{each.name}: expected at least {each.minimum:g}, got {value}"
            )


def converted(name: str, value: object, hint: Any) -> Any:
    """Convert a value read from a document to the type annotation of its field.

    Beside the values that ``checked`` accepts, a whole number may be written as a float, and a
    number in a form that YAML reads as text: ``1e3``, ``1e-4``.

    Args:
        name: Name of the setting for error messages.
        value: Value read from YAML or JSON.
        hint: ``int``, ``float``, ``bool``, ``str``, a tuple of one of them, a ``dict``, or a union
            of one of these with ``None``.

    Raises:
        ConfigurationError: The value has another type, or a number is not finite.
    """
    kinds = {hint, *typing.get_args(hint)}
    if isinstance(value, str) and kinds & {int, float}:
        number = NUMBER.fullmatch(value)
        # YAML reads any other number itself; here it was quoted, as a text.
        value = float(value) if number is not None and number["exponent"] else value
    for item in value if isinstance(value, list | tuple) else (value,):
        if type(item) in (int, float):
            _require_finite(name, item)
    if isinstance(value, float) and value.is_integer() and int in kinds:
        value = int(value)
    return _typed(name, value, hint)


def _require_finite(name: str, number: float) -> None:
    if not abs(number) <= LARGEST:
        raise _unexpected(name, f"a finite number of at most {LARGEST:g}", number)


def _typed(name: str, value: object, hint: Any) -> Any:
    """Return ``value`` as the type of ``hint``; a whole number is accepted as a float.

    ``name`` is the name of the value for error messages.
    """
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    kind = typing.get_origin(hint) or hint
    if kind is tuple:
        return _typed_list(name, value, typing.get_args(hint))
    if kind is dict:
        return _typed_mapping(name, value)
    typed = float(value) if kind is float and type(value) is int else value
    if type(typed) is kind:
        return typed
    raise _unexpected(name, f"a {kind.__name__}", value)


def _typed_list(name: str, value: object, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a tuple of the item types ``kinds``: one type per item, or one type and ``...``."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise _unexpected(name, "a list", value)
    kind, size = kinds[0], None if kinds[-1] is ... else len(kinds)
    items = [float(item) if kind is float and type(item) is int else item for item in value]
    if any(type(item) is not kind for item in items) or size not in (None, len(items)):
        raise _unexpected(name, f"{size or 'a list of'} {kind.__name__}s", items)
    return tuple(items)


def _typed_mapping(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return dict(value)
    raise _unexpected(name, "a mapping of names to values", value)


def _unexpected(name: str, expected: str, value: object) -> ConfigurationError:
    return ConfigurationError(f"{name}: expected {expected}, got {shortened(value)}")
