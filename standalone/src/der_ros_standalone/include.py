"""Launch files: load them, include them, list their arguments."""

from __future__ import annotations

import difflib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from der_ros_standalone.actions import SetLaunchConfiguration
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import (
    Action,
    LaunchDescription,
    LaunchDescriptionEntity,
    declared_arguments,
)
from der_ros_standalone.errors import LaunchError, unsupported
from der_ros_standalone.substitutions import SomeSubstitutions, as_list, describe_all, perform_all


def load_description(path: Path) -> LaunchDescription:
    """Run ``generate_launch_description()`` of a Python launch file.

    Raises:
        LaunchError: if there is no such file, or it holds no such function.
        UnsupportedError: if it is an XML or YAML launch file, or wants what we do not provide.
    """
    if path.suffix in {".xml", ".yaml", ".yml"}:
        raise unsupported(f"a launch file in {path.suffix[1:].upper()} ({path})")
    if not path.is_file():
        raise LaunchError(f"expected a launch file at {path}, found none")
    loader = importlib.machinery.SourceFileLoader("launch_file", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        raise LaunchError(f"{path} cannot be loaded as a Python launch file")
    module = importlib.util.module_from_spec(spec)
    # A launch file is often in an installed folder, where it should leave no __pycache__.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    generate = getattr(module, "generate_launch_description", None)
    if generate is None:
        raise LaunchError(f"{path} has no function generate_launch_description()")
    description = generate()
    if not isinstance(description, LaunchDescription):
        raise LaunchError(
            f"expected generate_launch_description() of {path} to return a LaunchDescription, "
            f"got {type(description).__name__}"
        )
    return description


class PythonLaunchDescriptionSource:
    """Where an included launch file lies."""

    def __init__(self, launch_file_path: SomeSubstitutions) -> None:
        self._path = as_list(launch_file_path)
        self._loaded: dict[Path, LaunchDescription] = {}

    def description(self, context: LaunchContext) -> LaunchDescription:
        """Return what the file describes; it is run once."""
        path = self.location(context)
        if path not in self._loaded:
            self._loaded[path] = load_description(path)
        return self._loaded[path]

    def location(self, context: LaunchContext) -> Path:
        """Return the path of the file."""
        return Path(perform_all(context, self._path)).absolute()

    def describe(self) -> str:
        """Return the path, as far as it is known."""
        return describe_all(self._path)


class IncludeLaunchDescription(Action):
    """Visits another launch file, with arguments."""

    def __init__(
        self,
        launch_description_source: PythonLaunchDescriptionSource | SomeSubstitutions,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutions, SomeSubstitutions]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not isinstance(launch_description_source, PythonLaunchDescriptionSource):
            launch_description_source = PythonLaunchDescriptionSource(launch_description_source)
        self.source = launch_description_source
        self.launch_arguments = tuple(launch_arguments or ())

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the included description, if its path is known before launching."""
        return [self.source.description(LaunchContext())] if self.is_known() else []

    def is_known(self) -> bool:
        """Return whether the path is known before launching."""
        try:
            self.source.location(LaunchContext())
        except LaunchError:
            return False
        return True

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Set the arguments, and return the included description.

        Raises:
            LaunchError: if it misses a required argument.
        """
        path = self.source.location(context)
        description = self.source.description(context)
        context.locals.current_launch_file_path = str(path)
        context.locals.current_launch_file_directory = str(path.parent)
        given = [perform_all(context, as_list(name)) for name, _ in self.launch_arguments]
        for argument, conditional in declared_arguments(description):
            required = argument.default_value is None and not conditional
            if required and argument.name not in given:
                raise LaunchError(
                    "Included launch description missing required argument "
                    f"'{argument.name}' (description: '{argument.description}'), "
                    f"given: [{', '.join(given)}]"
                )
        settings = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        return [*settings, description]


def format_arguments(description: LaunchDescription) -> str:
    """Return what `--show-args` prints: each argument, its description and its default."""
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


def parse_arguments(texts: Iterable[str]) -> dict[str, str]:
    """Return ``name:=value`` texts as a mapping; of equal names the last wins.

    Raises:
        LaunchError: if a text has another form.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition(":=")
        if not (name and separator and value):
            raise LaunchError(
                f"malformed launch argument '{text}', expected format '<name>:=<value>'"
            )
        values[name] = value
    return values


def check_known(description: LaunchDescription, values: Iterable[str]) -> None:
    """Check that the launch file declares every argument in ``values``.

    `ros2 launch` lets unknown ones pass, and a misspelt argument then does nothing.

    Raises:
        LaunchError: naming the unknown argument and the known ones.
    """
    if _has_unknown_include(description):
        return
    known = [argument.name for argument, _ in declared_arguments(description)]
    # Two that every launched process understands.
    allowed = {*known, "sigterm_timeout", "sigkill_timeout"}
    for name in values:
        if name not in allowed:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]}? " if near else ""
            raise LaunchError(
                f"unknown launch argument '{name}': {advice}the launch file declares "
                f"{', '.join(known) if known else 'none'}"
            )


def _has_unknown_include(entity: LaunchDescriptionEntity) -> bool:
    if isinstance(entity, IncludeLaunchDescription) and not entity.is_known():
        return True
    return any(_has_unknown_include(child) for child in entity.children())
