"""Substitutions: texts that are evaluated while a launch file runs.

Names and signatures are those of `launch.substitutions`. The substitutions that evaluate to true
or false are in `boolean_substitutions`.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterable
from typing import Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import SubstitutionFailure


class Substitution:
    """Base class of all substitutions."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text in this context."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return the text for `--show-args`."""
        return f"{type(self).__name__}()"


SomeSubstitutions = str | Substitution | Iterable[str | Substitution]


class TextSubstitution(Substitution):
    """Text that is known beforehand."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"expected text to be a str, got {text!r}")
        self.text = text

    def perform(self, context: LaunchContext) -> str:
        """Return the text of the constructor."""
        return self.text

    def describe(self) -> str:
        """Return the text in quotes for `--show-args`."""
        return f"'{self.text}'"


def as_list(value: SomeSubstitutions) -> list[Substitution]:
    """Return ``value`` as a list of substitutions, whose texts are joined without a separator.

    Raises:
        TypeError: An element is neither text nor a substitution.
    """
    if isinstance(value, (str, Substitution)):
        value = [value]
    if not isinstance(value, Iterable):
        raise TypeError(f"expected a str, a Substitution or a list of them, got {value!r}")
    result: list[Substitution] = []
    for item in value:
        if isinstance(item, str):
            item = TextSubstitution(text=item)
        if not isinstance(item, Substitution):
            raise TypeError(
                f"expected a str or a Substitution, got {item!r} of type {type(item).__name__}"
            )
        result.append(item)
    return result


def perform_all(context: LaunchContext, substitutions: Iterable[Substitution]) -> str:
    """Return the joined text of ``substitutions``."""
    return "".join(substitution.perform(context) for substitution in substitutions)


def describe_all(substitutions: Iterable[Substitution]) -> str:
    """Return the text of a list of substitutions for `--show-args`."""
    return " + ".join(substitution.describe() for substitution in substitutions)


class LaunchConfiguration(Substitution):
    """Value of a launch argument or launch configuration."""

    def __init__(self, variable_name: SomeSubstitutions, *, default: Any = None) -> None:
        self.variable_name = as_list(variable_name)
        self.default: list[Substitution] | None = None
        if default is not None:
            single = isinstance(default, (str, Substitution)) or not isinstance(default, Iterable)
            items = [default] if single else list(default)
            self.default = as_list(
                [item if isinstance(item, (str, Substitution)) else str(item) for item in items]
            )

    def perform(self, context: LaunchContext) -> str:
        """Return the value.

        Raises:
            SubstitutionFailure: The value is not set and there is no default.
        """
        name = perform_all(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self.default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_all(context, self.default)

    def describe(self) -> str:
        """Return the configuration's name for `--show-args`."""
        return f"LaunchConfig({describe_all(self.variable_name)})"


class EnvironmentVariable(Substitution):
    """Value of an environment variable."""

    def __init__(
        self, name: SomeSubstitutions, *, default_value: SomeSubstitutions | None = None
    ) -> None:
        self.name = as_list(name)
        self.default_value = None if default_value is None else as_list(default_value)

    def perform(self, context: LaunchContext) -> str:
        """Return the value.

        Raises:
            SubstitutionFailure: The value is not set and there is no default.
        """
        name = perform_all(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_all(context, self.default_value)

    def describe(self) -> str:
        """Return the variable's name for `--show-args`."""
        return f"EnvVar({describe_all(self.name)})"


class PathJoinSubstitution(Substitution):
    """Path that is joined from several parts."""

    def __init__(self, substitutions: Iterable[str | Substitution]) -> None:
        self.substitutions = as_list(substitutions)

    def perform(self, context: LaunchContext) -> str:
        """Return the parts joined to a path."""
        return os.path.join(*(part.perform(context) for part in self.substitutions))

    def describe(self) -> str:
        """Return the parts for `--show-args`."""
        return f"PathJoin('{describe_all(self.substitutions)}')"


class PythonExpression(Substitution):
    """Value of a Python expression, as text."""

    def __init__(
        self, expression: SomeSubstitutions, python_modules: SomeSubstitutions = ("math",)
    ) -> None:
        self.expression = as_list(expression)
        self.python_modules = as_list(python_modules)

    def perform(self, context: LaunchContext) -> str:
        """Return ``str(value)``; names of `math` need no prefix."""
        names: dict[str, object] = {}
        for substitution in self.python_modules:
            module = importlib.import_module(substitution.perform(context))
            if module is math:
                names.update(vars(math))
            names[module.__name__] = module
        return str(eval(perform_all(context, self.expression), {}, names))

    def describe(self) -> str:
        """Return the expression and its modules for `--show-args`."""
        modules = ", ".join(module.describe() for module in self.python_modules)
        return f"PythonExpr({describe_all(self.expression)}, [{modules}])"


class ThisLaunchFileDir(Substitution):
    """Folder of the launch file that is running."""

    def perform(self, context: LaunchContext) -> str:
        """Return the folder.

        Raises:
            SubstitutionFailure: No launch file is running.
        """
        folder = getattr(context.locals, "current_launch_file_directory", None)
        if folder is None:
            raise SubstitutionFailure("ThisLaunchFileDir used outside of a launch file")
        return str(folder)
