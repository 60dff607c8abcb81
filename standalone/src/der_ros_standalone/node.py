"""Actions that run ROS nodes, and substitutions for installed packages."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from der_ros_standalone import log
from der_ros_standalone.children import GUARD
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action
from der_ros_standalone.packages import executable, package_prefix, package_share
from der_ros_standalone.parameters import Parameter, ParameterFile, evaluate_dictionary
from der_ros_standalone.process import ExecuteProcess
from der_ros_standalone.substitutions import (
    SomeSubstitutions,
    Substitution,
    as_list,
    describe_all,
    perform_all,
)


class _FindPackage(Substitution):
    def __init__(self, package: SomeSubstitutions) -> None:
        self.package = as_list(package)

    def describe(self) -> str:
        """Return the text for `--show-args`, with the package."""
        return f"{type(self).__name__}(pkg={describe_all(self.package)})"


class FindPackageShare(_FindPackage):
    """Folder with the data files of a package."""

    def perform(self, context: LaunchContext) -> str:
        """Return the path of the folder."""
        return str(package_share(perform_all(context, self.package)))


class FindPackagePrefix(_FindPackage):
    """Installation folder of a package."""

    def perform(self, context: LaunchContext) -> str:
        """Return the path of the folder."""
        return str(package_prefix(perform_all(context, self.package)))


class ExecutableInPackage(Substitution):
    """Path of an executable of a package."""

    def __init__(self, executable: SomeSubstitutions, package: SomeSubstitutions) -> None:
        self.executable, self.package = as_list(executable), as_list(package)

    def perform(self, context: LaunchContext) -> str:
        """Return the path of the executable."""
        package = perform_all(context, self.package)
        return str(executable(package, perform_all(context, self.executable)))


class PushRosNamespace(Action):
    """Action that prefixes the namespaces of later nodes in the same group."""

    def __init__(self, namespace: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._namespace = as_list(namespace)

    def execute(self, context: LaunchContext) -> None:
        """Add the namespace to the prefix."""
        outer = context.launch_configurations.get("ros_namespace")
        joined = _join(outer, perform_all(context, self._namespace))
        context.launch_configurations["ros_namespace"] = joined or "/"


class Node(ExecuteProcess):
    """Action that runs a node, with name, namespace, parameters and remappings."""

    def __init__(
        self,
        *,
        executable: SomeSubstitutions,
        package: SomeSubstitutions | None = None,
        name: SomeSubstitutions | None = None,
        namespace: SomeSubstitutions | None = None,
        exec_name: SomeSubstitutions | None = None,
        parameters: list[Any] | None = None,
        remappings: Iterable[tuple[SomeSubstitutions, SomeSubstitutions]] | None = None,
        ros_arguments: Iterable[SomeSubstitutions] | None = None,
        arguments: Iterable[SomeSubstitutions] | None = None,
        **options: Any,
    ) -> None:
        program: SomeSubstitutions = (
            executable if package is None else ExecutableInPackage(executable, package)
        )
        ros = [] if ros_arguments is None else ["--ros-args", *ros_arguments]
        cmd = [program, *(arguments or []), *ros]
        super().__init__(cmd=cmd, name=exec_name, **options)
        if parameters is not None and not isinstance(parameters, list):
            raise TypeError(f"expected parameters to be a list, got {parameters!r}")
        self._node_name = None if name is None else as_list(name)
        self._namespace = None if namespace is None else as_list(namespace)
        self._parameters = parameters or []
        self._remappings = list(remappings or [])
        self._files: list[str] = []

    def command(self, context: LaunchContext) -> list[str]:
        """Return the command line in this context, ROS arguments last."""
        words = [*super().command(context), "--ros-args"]
        name = None if self._node_name is None else perform_all(context, self._node_name)
        if name is not None:
            words += ["-r", f"__node:={name}"]
        own = None if self._namespace is None else perform_all(context, self._namespace)
        namespace = _join(context.launch_configurations.get("ros_namespace"), own)
        if namespace is not None:
            words += ["-r", f"__ns:={namespace}"]
        full_name = f"{(namespace or '').rstrip('/')}/{name}" if name and namespace else "/**"
        for parameters in self._parameters:
            words += self._parameter_words(context, parameters, full_name)
        for source, target in self._remappings:
            old, new = (perform_all(context, as_list(part)) for part in (source, target))
            words += ["-r", f"{old}:={new}"]
        return words

    def _parameter_words(
        self, context: LaunchContext, parameters: Any, full_name: str
    ) -> list[str]:
        if isinstance(parameters, Mapping):
            values = evaluate_dictionary(context, parameters)
            return ["--params-file", self._write({full_name: {"ros__parameters": values}})]
        if isinstance(parameters, Parameter):
            name, value = parameters.evaluate(context)
            text = yaml.dump(value, Dumper=_RosDumper, default_flow_style=True)
            return ["-p", f"{name}:={text.strip().removesuffix('...').strip()}"]
        if not isinstance(parameters, ParameterFile):
            parameters = ParameterFile(parameters)
        path = parameters.evaluate(context)
        if not path.is_file():
            log.say("WARNING", "launch_ros", f"Parameter file path is not a file: {path}")
            return []
        return ["--params-file", str(path)]

    def _write(self, content: dict[str, Any]) -> str:
        descriptor, path = tempfile.mkstemp(prefix="launch_params_")
        GUARD.watch_file(path)
        with os.fdopen(descriptor, "w") as file:
            yaml.dump(content, file, Dumper=_RosDumper, default_flow_style=False)
        self._files.append(path)
        return path

    def forget(self) -> None:
        """Remove the temporary parameter files."""
        for path in self._files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._files = []


class _RosDumper(yaml.SafeDumper):
    """YAML dumper that quotes a text such as 1e5 too, which for rcl, unlike PyYAML, is a number."""


_RosDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


class LifecycleNode(Node):
    """Action that runs a lifecycle node; it requests no transitions."""

    def __init__(
        self, *, name: SomeSubstitutions, namespace: SomeSubstitutions, **options: Any
    ) -> None:
        super().__init__(name=name, namespace=namespace, **options)


def _join(outer: str | None, inner: str | None) -> str | None:
    """Return namespace ``inner`` below ``outer``; None if neither is given."""
    if inner is not None and inner.startswith("/"):
        return inner
    parts = [part.strip("/") for part in (outer, inner) if part]
    if not parts:
        return None
    return "/" + "/".join(part for part in parts if part)
