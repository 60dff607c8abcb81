"""Taking messages from the middleware together with the identifier of their publisher.

rclpy's ``take_message`` omits the publisher's identifier (GID), which the ``rcl`` function below it
returns. Calling that function through ``ctypes`` also releases the GIL.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from geometry_msgs.msg import WrenchStamped
from rclpy.serialization import deserialize_message

from der_ros.nodes.shared.free_publisher import Allocator
from der_ros.nodes.shared.wrench_bytes import read_wrench

GID_BYTES = 16
_OK, _NOTHING = 0, 401
_UNSUPPORTED = 2**64 - 1
_FIRST_CAPACITY = 512
_FAST_READERS: dict[Any, Callable[[bytes], Any]] = {WrenchStamped: read_wrench}


class _Serialized(ctypes.Structure):
    """``rcl_serialized_message_t`` with a buffer for the middleware to fill."""

    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("allocator", Allocator),
    ]


class _Information(ctypes.Structure):
    """``rmw_message_info_t``, with spare bytes for fields that later releases append."""

    _fields_ = [
        ("source_ns", ctypes.c_int64),
        ("received_ns", ctypes.c_int64),
        ("publication_number", ctypes.c_uint64),
        ("reception_number", ctypes.c_uint64),
        ("implementation", ctypes.c_char_p),
        ("gid", ctypes.c_uint8 * GID_BYTES),
        ("rest", ctypes.c_uint8 * 64),
    ]


# The same fields, read at once.
_INFORMATION = struct.Struct(f"qqQQP{GID_BYTES}s")


class TakenMessage(NamedTuple):
    """One message as the middleware returned it.

    Attributes:
        message: CDR bytes; without librcl, the message or bytes that rclpy returns.
        stamp_ns: Arrival time at this process's middleware, system clock, ns; 0 if unknown.
        number: Sequence number of its publisher, from 1 on; 0 if unknown.
        gid: Identifier of its publisher, ``GID_BYTES`` long; None if unknown.
    """

    message: Any
    stamp_ns: int
    number: int
    gid: bytes | None


class _Library(NamedTuple):
    take: Any
    allocator: Allocator
    init: Any
    fini: Any


def _library() -> _Library | None:
    """Return the functions of ``rcl`` and ``rcutils``, or None if they are not found."""
    try:
        utils = ctypes.CDLL("librcutils.so")
        take = ctypes.CDLL("librcl.so").rcl_take_serialized_message
        default, init = utils.rcutils_get_default_allocator, utils.rcutils_uint8_array_init
        fini = utils.rcutils_uint8_array_fini
    except (OSError, AttributeError):
        return None
    default.restype = Allocator
    take.argtypes, take.restype = [ctypes.c_void_p] * 4, ctypes.c_int
    init.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    fini.argtypes = [ctypes.c_void_p]
    return _Library(take, default(), init, fini)


_LIBRARY = _library()


class Taker:
    """Reader that takes messages one by one from a subscription.

    Args:
        subscription: Subscription of rclpy.

    Raises:
        MemoryError: The message buffer cannot be allocated.
    """

    def __init__(self, subscription: Any) -> None:
        self._subscription, self._lock = subscription, threading.Lock()
        self._buffer, self._information = _Serialized(), _Information()
        self._targets = ctypes.byref(self._buffer), ctypes.byref(self._information), None
        self._fast_reader = _FAST_READERS.get(subscription.msg_type)
        if _LIBRARY is not None:
            allocator = ctypes.byref(_LIBRARY.allocator)
            if _LIBRARY.init(ctypes.byref(self._buffer), _FIRST_CAPACITY, allocator) != _OK:
                raise MemoryError(f"no memory for messages of {subscription.topic_name}")

    def __del__(self) -> None:
        """Free the buffer that the middleware fills."""
        if _LIBRARY is not None and self._buffer.buffer:
            _LIBRARY.fini(ctypes.byref(self._buffer))

    def take(self) -> TakenMessage | None:
        """Return the next message, or None if the queue is empty.

        Raises:
            RuntimeError: The middleware failed.
        """
        handle = self._subscription.handle
        # The context manager keeps the subscription alive during the call.
        with handle, self._lock:
            if _LIBRARY is None:
                return self._through_rclpy(handle)
            return self._through_rcl(handle, _LIBRARY)

    def _through_rcl(self, handle: Any, library: _Library) -> TakenMessage | None:
        code = library.take(handle.pointer, *self._targets)
        if code == _NOTHING:
            return None
        if code != _OK:
            raise RuntimeError(f"{self._subscription.topic_name}: rcl_take failed with code {code}")
        data = ctypes.string_at(self._buffer.buffer, self._buffer.length)
        _, received_ns, number, _, _, gid = _INFORMATION.unpack_from(self._information)
        return TakenMessage(data, received_ns, 0 if number == _UNSUPPORTED else number, gid)

    def _through_rclpy(self, handle: Any) -> TakenMessage | None:
        subscription = self._subscription
        taken = handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return None
        message, information = taken
        number = information.get("publication_sequence_number") or 0
        return TakenMessage(message, information["received_timestamp"], number, None)

    def read(self, taken: TakenMessage) -> Any:
        """Return the message, or its CDR bytes if the subscription is raw.

        A ``WrenchStamped`` is a ``StampedWrench`` with the same fields.

        Raises:
            RuntimeError: The bytes are no message of the subscription's type.
        """
        subscription = self._subscription
        if subscription.raw or taken.gid is None:
            return taken.message
        if self._fast_reader is not None:
            return self._fast_reader(taken.message)
        return deserialize_message(taken.message, subscription.msg_type)
