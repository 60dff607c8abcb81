"""Fast decoding of the frequent message types of a replay (see ``control.wire.stamped_layout``)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from der_ros.control.wire.stamped_layout import FRAME_LENGTH_AT, stamped_layout
from der_ros.errors import BagError

_WORD = (struct.Struct(">I"), struct.Struct("<I"))
_ORDERS = "><"
_FLOAT32 = (np.dtype(">f4"), np.dtype("<f4"))
_MOST_TEXT, _MOST_DIMENSIONS = 4096, 16
_BROKEN = (IndexError, struct.error, UnicodeDecodeError, ValueError)


class StampedNumbers(NamedTuple):
    """A pose, wrench or twist with its header.

    Attributes:
        stamp_ns: Stamp of the header, ns since the epoch.
        frame_id: Frame of the header.
        values: Six numbers, or the seven of a pose: x y z qx qy qz qw.
    """

    stamp_ns: int
    frame_id: str
    values: tuple[float, ...]


class LabelledArray(NamedTuple):
    """A ``Float32MultiArray`` of one dimension.

    Attributes:
        label: Label of the first dimension; empty if there is none.
        values: Array of shape (n,), float32.
    """

    label: str
    values: NDArray[np.float32]


def decode_pose(data: bytes) -> StampedNumbers:
    """Decode a ``PoseStamped``.

    Raises:
        BagError: The bytes are not a message of this type.
    """
    try:
        return _stamped(data, 7)
    except _BROKEN as error:
        raise _other_bytes("PoseStamped", error) from error


def decode_six(data: bytes) -> StampedNumbers:
    """Decode a ``WrenchStamped`` or ``TwistStamped``.

    Raises:
        BagError: The bytes are not a message of these types.
    """
    try:
        return _stamped(data, 6)
    except _BROKEN as error:
        raise _other_bytes("WrenchStamped or TwistStamped", error) from error


def decode_array(data: bytes) -> LabelledArray:
    """Decode a ``Float32MultiArray``.

    Raises:
        BagError: The bytes are not a message of this type.
    """
    try:
        order, label, begin, count = _elements(data, 4)
        values = np.frombuffer(data, _FLOAT32[order], count, begin)
    except _BROKEN as error:
        raise _other_bytes("Float32MultiArray", error) from error
    return LabelledArray(label, values.astype(np.float32))


def decode_doubles(data: bytes) -> list[float]:
    """Decode a ``Float64MultiArray``.

    Raises:
        BagError: The bytes are not a message of this type.
    """
    try:
        order, _, begin, count = _elements(data, 8)
        return list(_doubles_layout(order, count).unpack_from(data, begin))
    except _BROKEN as error:
        raise _other_bytes("Float64MultiArray", error) from error


def _other_bytes(kind: str, error: Exception) -> BagError:
    return BagError(f"expected a serialized {kind}, got other bytes ({error})")


def _stamped(data: bytes, count: int) -> StampedNumbers:
    """Decode a header and the ``count`` doubles behind it."""
    order = data[1] & 1
    (length,) = _WORD[order].unpack_from(data, FRAME_LENGTH_AT)
    found = stamped_layout(bool(order), length, count).unpack_from(data)
    return StampedNumbers(found[1] * 1_000_000_000 + found[2], found[4][:-1].decode(), found[5:])


@lru_cache(maxsize=64)
def _doubles_layout(order: int, count: int) -> struct.Struct:
    return struct.Struct(f"{_ORDERS[order]}{count}d")


def _elements(data: bytes, size: int) -> tuple[int, str, int, int]:
    """Find the elements of a ``MultiArray``, of ``size`` bytes each.

    Returns:
        1 if little-endian, else 0; the label of the first dimension, empty if there is none; the
        offset of the first element, bytes; and the number of elements.
    """
    order = data[1] & 1
    word = _WORD[order].unpack_from
    (dimensions,) = word(data, 4)
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError(f"{dimensions} dimensions")
    label, at = "", 8
    for number in range(dimensions):
        (length,) = word(data, at)
        if length > _MOST_TEXT:
            raise ValueError(f"a label of {length} bytes")
        end = at + 4 + length
        if number == 0:
            label = data[at + 4 : end - 1].decode()
        at = end + (-end) % 4 + 8
    (count,) = word(data, at + 4)
    # An empty array has no padding after its count.
    begin = at + 8 + ((4 - at - 8) % size if count else 0)
    return order, label, begin, count
