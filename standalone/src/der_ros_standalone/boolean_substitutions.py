"""Substitutions that evaluate to 'true' or 'false', or choose by such a value.

The rules for truth and equality are those of `launch.substitutions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import SubstitutionFailure
from der_ros_standalone.substitutions import (
    SomeSubstitutions,
    Substitution,
    as_list,
    describe_all,
    perform_all,
)


def truth(text: str) -> bool:
    """Return the boolean value of a text, by the rules of YAML 1.1.

    Raises:
        SubstitutionFailure: The text is not a boolean.
    """
    if text in {"1", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}:
        return True
    if text in {"0", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}:
        return False
    raise SubstitutionFailure(f"expected true or false, got '{text}'")


class _Boolean(Substitution):
    """Base class of the substitutions with boolean operands."""

    def __init__(self, *operands: SomeSubstitutions) -> None:
        self.operands = [as_list(operand) for operand in operands]

    def truths(self, context: LaunchContext) -> list[bool]:
        """Return the boolean value of each operand."""
        return [truth(perform_all(context, operand)) for operand in self.operands]

    def describe(self) -> str:
        """Return name and operands for `--show-args`."""
        return f"{type(self).__name__}({' '.join(map(describe_all, self.operands))})"


class NotSubstitution(_Boolean):
    """'true' if the operand is false."""

    def __init__(self, value: SomeSubstitutions) -> None:
        super().__init__(value)

    def perform(self, context: LaunchContext) -> str:
        """Return the text 'true' or 'false'."""
        return _word(not self.truths(context)[0])


class AllSubstitution(_Boolean):
    """'true' if every operand is true."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text 'true' or 'false'."""
        return _word(all(self.truths(context)))


class AnySubstitution(_Boolean):
    """'true' if an operand is true."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text 'true' or 'false'."""
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
    """'true' if both sides are equal, compared as booleans, else as numbers, else as texts."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left = as_list(_comparable(left))
        self.right = as_list(_comparable(right))

    def perform(self, context: LaunchContext) -> str:
        """Return the text 'true' or 'false'."""
        return _word(self.equal(context))

    def equal(self, context: LaunchContext) -> bool:
        """Return True if both sides are equal."""
        left, right = perform_all(context, self.left), perform_all(context, self.right)
        words = {"true": True, "1": True, "false": False, "0": False}
        if left.lower() in words and right.lower() in words:
            return words[left.lower()] == words[right.lower()]
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right

    def describe(self) -> str:
        """Return name and both sides for `--show-args`."""
        return f"{type(self).__name__}({describe_all(self.left)} {describe_all(self.right)})"


class NotEqualsSubstitution(EqualsSubstitution):
    """'true' if both sides differ by the rules of `EqualsSubstitution`."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text 'true' or 'false'."""
        return _word(not self.equal(context))


class IfElseSubstitution(Substitution):
    """One of two texts, chosen by a boolean."""

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
        """Return the text that the condition selects."""
        chosen = truth(perform_all(context, self.condition))
        return perform_all(context, self.if_value if chosen else self.else_value)

    def describe(self) -> str:
        """Return name and parts for `--show-args`."""
        parts = (self.condition, self.if_value, self.else_value)
        return f"IfElseSubstitution({', '.join(map(describe_all, parts))})"


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
