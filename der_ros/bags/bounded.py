"""A stream that never reads or allocates more bytes than its file has."""

from __future__ import annotations

from typing import IO

from der_ros.errors import BagError


class Bounded:
    """Stream that refuses to read beyond a known size, so a corrupt length allocates nothing.

    Args:
        file: Stream, read from its current position.
        size: Number of bytes that remain in the file.

    Attributes:
        left: Number of bytes not read yet.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.left = file, size

    def read(self, count: int) -> bytes:
        """Read ``count`` bytes.

        Raises:
            BagError: Fewer bytes remain.
        """
        if count > self.left:
            raise BagError(f"expected {count} bytes more, got {self.left}")
        self.left -= count
        return self._file.read(count)
