"""Setting of the C library's memory allocator."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> None:
    """Make glibc keep freed memory; do nothing on other systems.

    An update allocates and frees megabytes, hundreds of times a second. Returning them to the
    kernel each time costs a fifth of the update's time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold, size = -1, -3, 512 * 1024 * 1024
        mallopt(trim_threshold, size)
        mallopt(mmap_threshold, size)
