"""Conditions of actions: an action runs only if its condition holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import LaunchError
from der_ros_standalone.substitutions import SomeSubstitutions, as_list, perform_all


class Condition:
    """Condition of an action, evaluated when the action is visited."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool]) -> None:
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """Return True if the action runs."""
        return self._predicate(context)


def _truth(context: LaunchContext, expression: SomeSubstitutions) -> bool:
    # Conditions accept fewer words than the boolean substitutions, as in launch.
    text = perform_all(context, as_list(expression))
    word = text.strip().lower()
    if word in {"true", "1"}:
        return True
    if word in {"false", "0"}:
        return False
    raise LaunchError(f"invalid condition expression: expected true, false, 1 or 0, got '{text}'")


class IfCondition(Condition):
    """Condition that holds if the expression is true or 1."""

    def __init__(self, predicate_expression: SomeSubstitutions) -> None:
        super().__init__(predicate=lambda context: _truth(context, predicate_expression))


class UnlessCondition(Condition):
    """Condition that holds if the expression is false or 0."""

    def __init__(self, predicate_expression: SomeSubstitutions) -> None:
        super().__init__(predicate=lambda context: not _truth(context, predicate_expression))


class LaunchConfigurationEquals(Condition):
    """Condition that holds if a launch configuration has a value, or is not set if that is None.

    Deprecated by launch in favour of `IfCondition(EqualsSubstitution(...))`.
    """

    def __init__(
        self, launch_configuration_name: str, expected_value: SomeSubstitutions | None
    ) -> None:
        warnings.warn(
            f"{type(self).__name__} is deprecated by launch: use EqualsSubstitution or "
            "NotEqualsSubstitution in an IfCondition",
            UserWarning,
            stacklevel=2,
        )
        self._name = launch_configuration_name
        self._expected = None if expected_value is None else as_list(expected_value)
        super().__init__(predicate=self._equal)

    def _equal(self, context: LaunchContext) -> bool:
        expected = None if self._expected is None else perform_all(context, self._expected)
        return context.launch_configurations.get(self._name) == expected


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """Condition that holds if `LaunchConfigurationEquals` does not."""

    def evaluate(self, context: LaunchContext) -> bool:
        """Return True if the action runs."""
        return not super().evaluate(context)
