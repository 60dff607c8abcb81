"""The file ``parameters.yaml`` of a run: version, arguments, and what each node was given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from der_ros.documents import to_yaml
from der_ros.errors import ConfigurationError
from der_ros.installation import package_version

RUN_PARAMETERS = "parameters.yaml"


def write_run_parameters(
    run_dir: Path, values: Mapping[str, object], nodes: Mapping[str, Mapping[str, object]]
) -> Path:
    """Write ``parameters.yaml`` into the folder of a run, and return its path.

    It is a parameters file of ROS 2; version and arguments of the launch stand in its comments.
    A parameter that is not in it has its default.

    Args:
        run_dir: made if missing; the file of an earlier run in it is replaced.
        values: arguments of the launch.
        nodes: parameters of each node.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    arguments = (f"# {name}:={value}" for name, value in values.items())
    head = [f"# der_ros {package_version() or 'of sources that are not built'}", *arguments]
    content = {f"/**/{name}": {"ros__parameters": dict(each)} for name, each in nodes.items()}
    path = run_dir / RUN_PARAMETERS
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*head, to_yaml(content)]), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"run_dir: expected a folder that can be written, got {run_dir} ({error.strerror})"
        ) from error
    return path
