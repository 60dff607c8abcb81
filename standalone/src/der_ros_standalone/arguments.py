"""Launch arguments: their declaration, the listing of `--show-args`, and ``name:=value`` words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import (
    ArgumentDeclaration,
    LaunchDescriptionEntity,
    declared_arguments,
)
from der_ros_standalone.errors import LaunchError
from der_ros_standalone.substitutions import SomeSubstitutions, as_list, describe_all, perform_all


class DeclareLaunchArgument(ArgumentDeclaration):
    """Action that declares an argument of the launch file.

    Attributes:
        name: Name before ``:=``.
        default_value: Default; None if the argument is required.
        description: Text that `--show-args` prints, choices included.
        choices: Allowed values; None if every value is allowed.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutions | None = None,
        description: str | None = None,
        choices: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        self.choices = None if choices is None else list(choices)
        super().__init__(
            name,
            None if default_value is None else as_list(default_value),
            _description(description, self.choices),
            **options,
        )
        if self.choices == []:
            raise LaunchError(f"launch argument '{name}': expected at least one choice, got none")
        if (
            self.choices is not None
            and isinstance(default_value, str)
            and default_value not in self.choices
        ):
            raise LaunchError(
                f'Provided default_value "{default_value}" is not in provided choices '
                f'"{self.choices}".'
            )

    def execute(self, context: LaunchContext) -> None:
        """Set the argument to its default unless it has a value, and check the value.

        Raises:
            LaunchError: There is neither value nor default, or the value is not a choice.
        """
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise LaunchError(f'Required launch argument "{self.name}" was not provided.')
            configurations[self.name] = perform_all(context, self.default_value)
        value = configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise LaunchError(
                f'Argument "{self.name}" provided value "{value}" is not valid. '
                f"Valid options are: {self.choices}"
            )


def _description(text: str | None, choices: list[str] | None) -> str:
    if text is None:
        return "no description given" if choices is None else f"One of: {choices}"
    if choices is None:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} Valid choices are: {choices}"


def format_arguments(description: LaunchDescriptionEntity) -> str:
    """Return the text of `--show-args`: each argument with its description and default."""
    arguments = declared_arguments(description)
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument, conditional in arguments:
        lines += ["", f"    '{argument.name}':{'*' if conditional else ''}"]
        lines.append(f"        {argument.description}")
        if argument.default_value is not None:
            lines.append(f"        (default: {describe_all(argument.default_value)})")
    if not arguments:
        lines += ["", "  No arguments."]
    elif any(conditional for _, conditional in arguments):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """Return the values of ``name:=value`` words by name; the last value of a name wins.

    Raises:
        LaunchError: A word has another form.
    """
    values: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not (name and separator and value):
            raise LaunchError(
                f"malformed launch argument '{word}', expected format '<name>:=<value>'"
            )
        values[name] = value
    return values
