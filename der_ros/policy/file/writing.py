"""Atomic writing of policy files, validated before they replace an existing file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.file.checksum import stamped
from der_ros.policy.file.onnx_file import check_contents, read_contents
from der_ros.policy.runtime import OnnxPolicy, read_policy_file
from der_ros.whole_files import whole_file

_T = TypeVar("_T")


def write_policy(path: Path, data: bytes, judge: Callable[[OnnxPolicy], _T]) -> _T:
    """Write ``path`` atomically after the file has been loaded and judged.

    Args:
        path: File to write; replaced only if all checks pass.
        data: Policy file content with its checksum.
        judge: Check of the loaded policy, which raises an error to reject it.

    Returns:
        Result of ``judge``.

    Raises:
        ConfigurationError: ``path`` cannot be written.
        ContractError: ``OnnxPolicy.load`` rejects the file.
    """
    try:
        return _write(path, data, judge)
    except OSError as error:
        raise ConfigurationError(
            f"policy: expected a file that can be written, got {path} ({error.strerror}); "
            "choose another"
        ) from error


def stamp_policy(source: Path, path: Path) -> None:
    """Write a copy of the policy ``source``, which has no checksum, with a checksum to ``path``.

    Earlier damage to ``source`` cannot be detected; everything else is checked.

    Raises:
        ConfigurationError: ``source`` cannot be read, or ``path`` cannot be written.
        ContractError: ``source`` is no policy of this package.
    """
    data = read_policy_file(source)
    try:
        check_contents(read_contents(data))
    except ContractError as error:
        raise ContractError(f"policy {source}: {error}") from error
    write_policy(path, stamped(data), lambda policy: None)


def _write(path: Path, data: bytes, judge: Callable[[OnnxPolicy], _T]) -> _T:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_bytes(data)
        return judge(OnnxPolicy.load(part))
