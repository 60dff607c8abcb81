"""Safe reading of NumPy arrays from zip files that may be damaged or hostile."""

from __future__ import annotations

import math
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 64 * 1024


def read_array(archive: zipfile.ZipFile, member: str, max_bytes: int) -> NDArray[Any]:
    """Return the array in one ``.npy`` member, checked against the archive's checksum.

    Args:
        archive: Open zip file.
        member: Name of the member in the archive.
        max_bytes: Largest allowed size of the array, checked against its header before allocation.

    Raises:
        ValueError: The member is not an array, or is larger. Damaged files may raise other errors.
    """
    with archive.open(member) as file:
        shape, kind = _described(file)
        size = math.prod(shape) * kind.itemsize
        if kind.hasobject or kind.names is not None or size > max_bytes:
            raise ValueError(f"{member}: expected plain numbers of at most {max_bytes} bytes")
        if archive.getinfo(member).file_size > size + _HEADER_BYTES:
            raise ValueError(f"{member}: expected {size} bytes and a header, got more")
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # at the end the archive compares its checksum
            raise ValueError(f"{member}: expected no bytes after the array, got some")
        return array


def _described(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type from the beginning; a header may claim 4 GB, which zip packs small."""
    file = BytesIO(member.read(_HEADER_BYTES))
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"expected .npy version 1.0 or 2.0, got {version}")
    read = np.lib.format.read_array_header_1_0
    shape, _, kind = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    return shape, kind
