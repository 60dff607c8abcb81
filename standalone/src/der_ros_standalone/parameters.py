"""Parameters of nodes, as dictionaries, files or single values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import LaunchError, refuse_keywords, unsupported
from der_ros_standalone.substitutions import (
    SomeSubstitutions,
    Substitution,
    as_list,
    perform_all,
    truth,
)

SCALARS = (bool, int, float, str)
Value = Any  # a bool, int, float or str, or a list of one of them


class ParameterValue:
    """A value with the type that it must have, where YAML's rules would guess another."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Value:
        """Return the value.

        Raises:
            LaunchError: if it cannot have that type.
        """
        value = self.value
        if _is_substitution(value):
            return coerce(perform_all(context, as_list(value)), self.value_type)
        expected = get_origin(self.value_type) or self.value_type
        if expected is not None and not isinstance(value, expected):
            raise LaunchError(f"expected a parameter value of type {expected.__name__}: {value!r}")
        return value


class ParameterFile:
    """A YAML file of parameters."""

    def __init__(
        self, param_file: SomeSubstitutions | os.PathLike[str], *, allow_substs: bool = False
    ) -> None:
        if allow_substs:
            raise unsupported("ParameterFile(allow_substs=True)")
        path = os.fspath(param_file) if isinstance(param_file, os.PathLike) else param_file
        self._path = as_list(path)

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path."""
        return Path(perform_all(context, self._path))


class Parameter:
    """One parameter."""

    def __init__(
        self, name: SomeSubstitutions, value: Any, *, value_type: Any = None, **unknown: object
    ) -> None:
        refuse_keywords("Parameter", unknown)
        self._name = as_list(name)
        self._value = ParameterValue(value, value_type=value_type)

    def evaluate(self, context: LaunchContext) -> tuple[str, Value]:
        """Return name and value."""
        return perform_all(context, self._name), self._value.evaluate(context)


def coerce(text: str, value_type: Any) -> Value:
    """Return ``text`` as a value of ``value_type``, or as YAML if that is None.

    Raises:
        LaunchError: if it is no such value.
    """
    try:
        if value_type is str:
            return text
        if value_type in (int, float):
            return value_type(text)
        if value_type is bool:
            return truth(text)
        value = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, LaunchError) as error:
        wanted = getattr(value_type, "__name__", value_type)
        raise LaunchError(f"expected a parameter value of type {wanted}, got '{text}'") from error
    item_type = (get_args(value_type) or (None,))[0]
    items = value if isinstance(value, list) else [value]
    if value_type is not None and not isinstance(value, list):
        raise LaunchError(f"expected a list of {item_type} as parameter value, got '{text}'")
    if not all(isinstance(item, item_type or SCALARS) for item in items):
        raise LaunchError(f"expected a parameter value or a list of values, got '{text}'")
    return value


def evaluate_dictionary(context: LaunchContext, parameters: Mapping[Any, Any]) -> dict[str, Value]:
    """Return parameters with names and values filled in; nested names are joined by dots."""
    result: dict[str, Value] = {}
    for key, value in parameters.items():
        name = perform_all(context, as_list(key))
        if isinstance(value, Mapping):
            nested = evaluate_dictionary(context, value)
            result.update({f"{name}.{inner}": item for inner, item in nested.items()})
        else:
            result[name] = _evaluate(context, name, value)
    return result


def _evaluate(context: LaunchContext, name: str, value: Any) -> Value:
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, SCALARS):
        return value
    if _is_substitution(value):
        return _from_yaml(name, perform_all(context, as_list(value)))
    if isinstance(value, Sequence) and value:
        return _uniform(name, [_item(context, item) for item in value])
    raise LaunchError(f"parameter '{name}': expected a value or a non-empty list, got {value!r}")


def _from_yaml(name: str, text: str) -> Value:
    """Apply YAML's rules to a substituted text, as launch does."""
    try:
        value = yaml.safe_load(text or "''")
    except yaml.YAMLError as error:
        raise LaunchError(
            f"parameter '{name}': '{text}' is no YAML; for a text use "
            "ParameterValue(value, value_type=str)"
        ) from error
    if isinstance(value, list):
        return _uniform(name, value)
    if not isinstance(value, SCALARS):
        raise LaunchError(
            f"parameter '{name}': expected '{text}' to be a bool, number, text or list; for a "
            "text use ParameterValue(value, value_type=str)"
        )
    return value


def _item(context: LaunchContext, item: Any) -> Value:
    if isinstance(item, SCALARS):
        return item
    return yaml.safe_load(perform_all(context, as_list(item)))


def _uniform(name: str, values: list[Value]) -> list[Value]:
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return [float(value) for value in values]
    if len(kinds) != 1 or not kinds <= set(SCALARS):
        raise LaunchError(f"parameter '{name}': expected values of one type, got {values}")
    return values


def _is_substitution(value: Any) -> bool:
    if isinstance(value, Substitution):
        return True
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and any(isinstance(item, Substitution) for item in value)
        and all(isinstance(item, (str, Substitution)) for item in value)
    )
