"""A stream that never reads, nor allocates, more than there is."""

from __future__ import annotations

from typing import IO

from der_ros.errors import BagError


class Bounded:
    """A stream that asks its file for no more than is there, so that no length is allocated.

    Args:
        file: read from where it stands.
        size: bytes that are there.

    Attributes:
        left: bytes that are not read yet.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.left = file, size

    def read(self, count: int) -> bytes:
        """Read ``count`` bytes.

        Raises:
            BagError: the file has fewer.
        """
        if count > self.left:
            raise BagError(f"expected {count} bytes more, got {self.left}")
        self.left -= count
        return self._file.read(count)
