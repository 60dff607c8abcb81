"""Fast decoding of the frequent message types of a replay.

CDR (OMG, "Extended CDR", version 1): a 4-byte encapsulation header, then each primitive aligned to
its own size, counted from the fifth byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import BagError

_STAMP_AND_LENGTH = (struct.Struct(">iII"), struct.Struct("<iII"))
_WORD = (struct.Struct(">I"), struct.Struct("<I"))
_SIX = (struct.Struct(">6d"), struct.Struct("<6d"))
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_SEVEN = (struct.Struct(">7d"), struct.Struct("<7d"))
_MOST_TEXT = 4096
_T = TypeVar("_T")


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
    return _decoded(lambda: _stamped(data, _SEVEN), "PoseStamped")


def decode_six(data: bytes) -> StampedNumbers:
    """Decode a ``WrenchStamped`` or ``TwistStamped``.

    Raises:
        BagError: The bytes are not a message of these types.
    """
    return _decoded(lambda: _stamped(data, _SIX), "WrenchStamped or TwistStamped")


def decode_array(data: bytes) -> LabelledArray:
    """Decode a ``Float32MultiArray``.

    Raises:
        BagError: The bytes are not a message of this type.
    """
    label, values = _decoded(lambda: _array(data, _FLOAT32), "Float32MultiArray")
    return LabelledArray(label, values.astype(np.float32))


def decode_doubles(data: bytes) -> list[float]:
    """Decode a ``Float64MultiArray``.

    Raises:
        BagError: The bytes are not a message of this type.
    """
    numbers: list[float] = _decoded(lambda: _array(data, _FLOAT64), "Float64MultiArray")[1].tolist()
    return numbers


def _decoded(read: Callable[[], _T], kind: str) -> _T:
    try:
        return read()
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise BagError(f"expected a serialized {kind}, got other bytes ({error})") from error


def _stamped(data: bytes, numbers: tuple[struct.Struct, struct.Struct]) -> StampedNumbers:
    order = data[1] & 1
    sec, nanosec, length = _STAMP_AND_LENGTH[order].unpack_from(data, 4)
    end = 16 + length
    frame = data[16 : end - 1].decode()
    values = numbers[order].unpack_from(data, end + (4 - end) % 8)
    return StampedNumbers(sec * 1_000_000_000 + nanosec, frame, values)


def _array(data: bytes, kind: np.dtype[Any]) -> tuple[str, NDArray[Any]]:
    """Decode a ``MultiArray`` of element type ``kind`` into its first label and its values."""
    order = data[1] & 1
    word = _WORD[order]
    label, at = "", 8
    for number in range(_at_most(word.unpack_from(data, 4)[0], 16)):
        (length,) = word.unpack_from(data, at)
        end = at + 4 + _at_most(length, _MOST_TEXT)
        if number == 0:
            label = data[at + 4 : end - 1].decode()
        at = end + (-end) % 4 + 8
    (count,) = word.unpack_from(data, at + 4)
    # An empty array has no padding after its count.
    begin = at + 8 + ((4 - at - 8) % kind.itemsize if count else 0)
    return label, np.frombuffer(data, kind.newbyteorder("<" if order else ">"), count, begin)


def _at_most(number: int, most: int) -> int:
    if number > most:
        raise ValueError(f"a length of {number}")
    return number
