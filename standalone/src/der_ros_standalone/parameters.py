"""Parameters of nodes, as dictionaries, files or single values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from der_ros_standalone.boolean_substitutions import truth
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import LaunchError, refuse_keywords, unsupported
from der_ros_standalone.substitutions import (
    SomeSubstitutions,
    Substitution,
    as_list,
    perform_all,
)

SCALARS = (bool, int, float, str)
Value = Any  # a bool, int, float or str, or a list of one of them


class ParameterValue:
    """Parameter value with an explicit type, used instead of the type that YAML would choose."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Value:
        """Return the value, converted to its type.

        Raises:
            LaunchError: The conversion fails.
        """
        value = self.value
        if _is_substitution(value):
            return coerce(perform_all(context, as_list(value)), self.value_type)
        expected = get_origin(self.value_type) or self.value_type
        if expected is not None and not isinstance(value, expected):
            raise LaunchError(f"expected a parameter value of type {expected.__name__}: {value!r}")
        return value


class ParameterFile:
    """Parameter file in YAML, given by its path."""

    def __init__(
        self, param_file: SomeSubstitutions | os.PathLike[str], *, allow_substs: bool = False
    ) -> None:
        if allow_substs:
            raise unsupported("ParameterFile(allow_substs=True)")
        path = os.fspath(param_file) if isinstance(param_file, os.PathLike) else param_file
        self._path = as_list(path)

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path of the parameter file."""
        return Path(perform_all(context, self._path))


class Parameter:
    """Single parameter with name and value."""

    def __init__(
        self, name: SomeSubstitutions, value: Any, *, value_type: Any = None, **unknown: object
    ) -> None:
        refuse_keywords("Parameter", unknown)
        self._name = as_list(name)
        self._value = ParameterValue(value, value_type=value_type)

    def evaluate(self, context: LaunchContext) -> tuple[str, Value]:
        """Return the name and the value of the parameter."""
        return perform_all(context, self._name), self._value.evaluate(context)


def coerce(text: str, value_type: Any) -> Value:
    """Return ``text`` as a value of ``value_type``, or as YAML if ``value_type`` is None.

    Raises:
        LaunchError: ``text`` is not a value of that type.
    """
    try:
        if value_type is str:
            return text
        if value_type in (int, float):
            return value_type(text)
        if value_type is bool:
            return truth(text)
        value = _read(text)
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
    """Return all parameter values by name; the names of nested mappings are joined by dots."""
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
    """Return a substituted text as a YAML value, as launch does."""
    try:
        value = _read(text or "''")
    except yaml.YAMLError as error:
        raise LaunchError(
            f"parameter '{name}': '{text}' is not valid YAML; for a text use "
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
    text = perform_all(context, as_list(item))
    try:
        return _read(text)
    except yaml.YAMLError as error:
        raise LaunchError(f"expected a parameter value, got '{text}', no valid YAML") from error


def _read(text: str) -> Any:
    """Return a text as a YAML value.

    Raises:
        yaml.YAMLError: The text is not YAML, or is nested too deep.
    """
    try:
        return yaml.safe_load(text)
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(f"it cannot be read ({error})") from error


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
