"""Fast encoding and decoding of ``WrenchStamped``, the most frequent message of a cell.

rclpy builds eight Python objects for each message that it reads or writes. Here the bytes are read
into plain tuples with the fields of the message, and written from a ``Wrench``. Bytes of any other
form are left to rclpy.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from builtin_interfaces.msg import Time
from geometry_msgs.msg import WrenchStamped
from rclpy.serialization import deserialize_message

from der_ros.control.wire.stamped_layout import FRAME_LENGTH_AT, stamped_layout
from der_ros.geometry import Wrench

_LITTLE_ENDIAN = b"\x00\x01\x00\x00"
_LENGTH = struct.Struct("<I")
_DOUBLES = 6


class StampNumbers(NamedTuple):
    """Fields of a ``builtin_interfaces/msg/Time``."""

    sec: int
    nanosec: int


class HeaderFields(NamedTuple):
    """Fields of a ``std_msgs/msg/Header``."""

    stamp: StampNumbers
    frame_id: str


class VectorFields(NamedTuple):
    """Fields of a ``geometry_msgs/msg/Vector3``."""

    x: float
    y: float
    z: float


class WrenchFields(NamedTuple):
    """Fields of a ``geometry_msgs/msg/Wrench``."""

    force: VectorFields
    torque: VectorFields


class StampedWrench(NamedTuple):
    """Fields of a ``geometry_msgs/msg/WrenchStamped``."""

    header: HeaderFields
    wrench: WrenchFields


def read_wrench(data: bytes) -> Any:
    """Return the ``StampedWrench`` in CDR bytes, or rclpy's message if they have another form.

    Raises:
        RuntimeError: The bytes are no ``WrenchStamped``.
    """
    if data.startswith(_LITTLE_ENDIAN) and len(data) >= FRAME_LENGTH_AT + _LENGTH.size:
        (length,) = _LENGTH.unpack_from(data, FRAME_LENGTH_AT)
        # Compared first: any publisher can send any length.
        if 0 < length < len(data) and (
            (layout := stamped_layout(True, length, _DOUBLES)).size == len(data)
        ):
            _, sec, nanosec, _, frame, *values = layout.unpack(data)
            header = HeaderFields(
                StampNumbers(sec, nanosec), frame[:-1].decode("utf-8", errors="replace")
            )
            return StampedWrench(
                header, WrenchFields(VectorFields(*values[:3]), VectorFields(*values[3:]))
            )
    return deserialize_message(data, WrenchStamped)


class WrenchWriter:
    """Writer of stamped wrenches in one frame.

    Args:
        frame_id: Frame of the wrenches.
    """

    def __init__(self, frame_id: str) -> None:
        self._frame = frame_id.encode() + b"\x00"
        self._pack = stamped_layout(True, len(self._frame), _DOUBLES).pack

    def to_bytes(self, wrench: Wrench, stamp: Time) -> bytes:
        """Return the CDR bytes of a ``WrenchStamped``, which rclpy publishes as they are."""
        return self._pack(
            _LITTLE_ENDIAN,
            stamp.sec,
            stamp.nanosec,
            len(self._frame),
            self._frame,
            *wrench.to_numbers(),
        )
