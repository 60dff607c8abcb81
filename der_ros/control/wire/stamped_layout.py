"""Byte layout of a message with a header and doubles: a stamped pose, wrench or twist.

CDR (OMG, "Extended CDR", version 1): a 4-byte encapsulation header, then each primitive aligned to
its own size, counted from the fifth byte.
"""

from __future__ import annotations

import struct
from functools import lru_cache

ENCAPSULATION_BYTES = 4
FRAME_LENGTH_AT = 12
"""Offset of the length of ``frame_id``, uint32."""
_ORDERS = "><"


@lru_cache(maxsize=64)
def stamped_layout(is_little: bool, frame_bytes: int, doubles: int) -> struct.Struct:
    """Return the layout of a whole message.

    Its fields are the encapsulation header (4 bytes), ``sec``, ``nanosec``, the length of
    ``frame_id``, ``frame_id``, and the doubles.

    Args:
        is_little: True for little-endian numbers.
        frame_bytes: Length of ``frame_id`` with its final zero, bytes.
        doubles: Number of doubles.
    """
    before = FRAME_LENGTH_AT + 4 - ENCAPSULATION_BYTES + frame_bytes
    return struct.Struct(
        f"{_ORDERS[is_little]}{ENCAPSULATION_BYTES}siII{frame_bytes}s{-before % 8}x{doubles}d"
    )
