"""Texts that get their value while a launch file runs.

The names, signatures and the rules for truth and equality are those of `launch.substitutions`,
so that a file means the same here and there.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import SubstitutionFailure


class Substitution:
    """Base of every text that is known only while the launch file runs."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text in this context."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return how `--show-args` shows it."""
        return f"{type(self).__name__}()"


SomeSubstitutions = str | Substitution | Iterable[str | Substitution]


class TextSubstitution(Substitution):
    """A fixed text."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"expected text to be a str, got {text!r}")
        self.text = text

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self.text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self.text}'"


def as_list(value: SomeSubstitutions) -> list[Substitution]:
    """Return ``value`` as a list of substitutions, to be joined without a separator.

    Raises:
        TypeError: if an element is neither text nor a substitution.
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
    """Return how `--show-args` shows a list of substitutions."""
    return " + ".join(substitution.describe() for substitution in substitutions)


class LaunchConfiguration(Substitution):
    """The value of a launch argument or configuration."""

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
            SubstitutionFailure: if it is not set and has no default.
        """
        name = perform_all(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self.default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_all(context, self.default)

    def describe(self) -> str:
        """Return the name of the configuration."""
        return f"LaunchConfig({describe_all(self.variable_name)})"


class EnvironmentVariable(Substitution):
    """The value of an environment variable."""

    def __init__(
        self, name: SomeSubstitutions, *, default_value: SomeSubstitutions | None = None
    ) -> None:
        self.name = as_list(name)
        self.default_value = None if default_value is None else as_list(default_value)

    def perform(self, context: LaunchContext) -> str:
        """Return the value.

        Raises:
            SubstitutionFailure: if it is not set and has no default.
        """
        name = perform_all(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_all(context, self.default_value)

    def describe(self) -> str:
        """Return the name of the variable."""
        return f"EnvVar({describe_all(self.name)})"


class PathJoinSubstitution(Substitution):
    """Texts joined as the parts of a path."""

    def __init__(self, substitutions: Iterable[str | Substitution]) -> None:
        self.substitutions = as_list(substitutions)

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return os.path.join(*(part.perform(context) for part in self.substitutions))

    def describe(self) -> str:
        """Return the parts."""
        return f"PathJoin('{describe_all(self.substitutions)}')"


class PythonExpression(Substitution):
    """The value of a Python expression, as text."""

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
        """Return the expression and its modules."""
        modules = ", ".join(module.describe() for module in self.python_modules)
        return f"PythonExpr({describe_all(self.expression)}, [{modules}])"


def truth(text: str) -> bool:
    """Return the truth of a substituted text.

    Raises:
        SubstitutionFailure: if it says neither yes nor no.
    """
    if text in {"1", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}:
        return True
    if text in {"0", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}:
        return False
    raise SubstitutionFailure(f"expected true or false, got '{text}'")


class _Boolean(Substitution):
    """Base of the substitutions that say 'true' or 'false' about their operands."""

    def __init__(self, *operands: SomeSubstitutions) -> None:
        self.operands = [as_list(operand) for operand in operands]

    def truths(self, context: LaunchContext) -> list[bool]:
        """Return the truth of each operand."""
        return [truth(perform_all(context, operand)) for operand in self.operands]

    def describe(self) -> str:
        """Return the operands."""
        return f"{type(self).__name__}({' '.join(map(describe_all, self.operands))})"


class NotSubstitution(_Boolean):
    """'true' if the operand is false."""

    def __init__(self, value: SomeSubstitutions) -> None:
        super().__init__(value)

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _word(not self.truths(context)[0])


class AllSubstitution(_Boolean):
    """'true' if every operand is true."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _word(all(self.truths(context)))


class AnySubstitution(_Boolean):
    """'true' if an operand is true."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _word(any(self.truths(context)))


class AndSubstitution(AllSubstitution):
    """'true' if both operands are true."""

    def __init__(self, left: SomeSubstitutions, right: SomeSubstitutions) -> None:
        super().__init__(left, right)


class OrSubstitution(AnySubstitution):
    """'true' if one of both operands is true."""

    def __init__(self, left: SomeSubstitutions, right: SomeSubstitutions) -> None:
        super().__init__(left, right)


class EqualsSubstitution(Substitution):
    """'true' if both sides are equal as truths, as numbers or as texts, in this order."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left = as_list(_comparable(left))
        self.right = as_list(_comparable(right))

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _word(self.equal(context))

    def equal(self, context: LaunchContext) -> bool:
        """Return whether both sides are equal."""
        left, right = perform_all(context, self.left), perform_all(context, self.right)
        words = {"true": True, "1": True, "false": False, "0": False}
        if left.lower() in words and right.lower() in words:
            return words[left.lower()] == words[right.lower()]
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right

    def describe(self) -> str:
        """Return both sides."""
        return f"{type(self).__name__}({describe_all(self.left)} {describe_all(self.right)})"


class NotEqualsSubstitution(EqualsSubstitution):
    """'false' where `EqualsSubstitution` says 'true'."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _word(not self.equal(context))


class IfElseSubstitution(Substitution):
    """One of two texts, by the truth of a third."""

    def __init__(
        self,
        condition: SomeSubstitutions,
        if_value: SomeSubstitutions = "",
        else_value: SomeSubstitutions = "",
    ) -> None:
        if if_value == else_value == "":
            raise RuntimeError("One of if_value and else_value must be specified")
        self.condition = as_list(condition)
        self.if_value = as_list(if_value)
        self.else_value = as_list(else_value)

    def perform(self, context: LaunchContext) -> str:
        """Return the chosen text."""
        chosen = truth(perform_all(context, self.condition))
        return perform_all(context, self.if_value if chosen else self.else_value)

    def describe(self) -> str:
        """Return the three parts."""
        parts = (self.condition, self.if_value, self.else_value)
        return f"IfElseSubstitution({', '.join(map(describe_all, parts))})"


class ThisLaunchFileDir(Substitution):
    """The folder of the launch file that is running."""

    def perform(self, context: LaunchContext) -> str:
        """Return the folder.

        Raises:
            SubstitutionFailure: outside a launch file.
        """
        folder = getattr(context.locals, "current_launch_file_directory", None)
        if folder is None:
            raise SubstitutionFailure("ThisLaunchFileDir used outside of a launch file")
        return str(folder)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _comparable(value: Any) -> SomeSubstitutions:
    if isinstance(value, Substitution):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    if value is None:
        return ""
    return _word(value) if isinstance(value, bool) else str(value)
