"""Writer of policy files: whole and loadable, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.checksum import stamped
from der_ros.policy.onnx_file import check_contents, read_contents
from der_ros.policy.runtime import OnnxPolicy, read_policy_file

_T = TypeVar("_T")


def write_policy(path: Path, data: bytes, judge: Callable[[OnnxPolicy], _T]) -> _T:
    """Write ``path`` atomically once the file has been loaded and judged.

    Args:
        path: file to write; replaced only when everything was right.
        data: a policy with its checksum.
        judge: raises what speaks against the loaded policy.

    Returns:
        The result of ``judge``.

    Raises:
        ConfigurationError: ``path`` cannot be written.
        ContractError: the file would be refused by ``OnnxPolicy.load``.
    """
    try:
        return _write(path, data, judge)
    except OSError as error:
        raise ConfigurationError(
            f"policy: expected a file that can be written, got {path} ({error.strerror}); "
            "choose another"
        ) from error


def stamp_policy(source: Path, path: Path) -> None:
    """Write the policy ``source``, which has no checksum, with one to ``path``.

    Whether ``source`` is still what its release wrote cannot be known; everything else is checked.

    Raises:
        ConfigurationError: ``source`` cannot be read, or ``path`` not written.
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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        verdict = judge(OnnxPolicy.load(temporary))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return verdict
