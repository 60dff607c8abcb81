"""Launch files: loading, inclusion, and the check of their arguments."""

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
        LaunchError: The file does not exist, or has no such function.
        UnsupportedError: The launch file is XML or YAML, or uses something unsupported.
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
    # The folder of a launch file is often an installation: leave no __pycache__ there.
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
    """Path of a Python launch file, and its description once loaded."""

    def __init__(self, launch_file_path: SomeSubstitutions) -> None:
        self._path = as_list(launch_file_path)
        self._loaded: dict[Path, LaunchDescription] = {}

    def description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description of the file; the file runs only once."""
        path = self.location(context)
        if path not in self._loaded:
            self._loaded[path] = load_description(path)
        return self._loaded[path]

    def location(self, context: LaunchContext) -> Path:
        """Return the absolute path of the file."""
        return Path(perform_all(context, self._path)).absolute()

    def describe(self) -> str:
        """Return the text of the path for `--show-args`."""
        return describe_all(self._path)


class IncludeLaunchDescription(Action):
    """Action that visits another launch file, with arguments."""

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
        """Return True if the path is known before launching."""
        try:
            self.source.location(LaunchContext())
        except LaunchError:
            return False
        return True

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Set the arguments, and return the included description.

        Raises:
            LaunchError: A required argument is missing.
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


def check_known(description: LaunchDescription, values: Iterable[str]) -> None:
    """Check that the launch file declares every argument in ``values``.

    `ros2 launch` ignores unknown arguments, so that a misspelt one has no effect there.

    Raises:
        LaunchError: An argument is unknown; the message names it and the known ones.
    """
    if _has_unknown_include(description):
        return
    known = [argument.name for argument, _ in declared_arguments(description)]
    # Every launched process reads these two.
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
