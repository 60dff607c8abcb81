"""A publisher that lets other threads of Python run while the middleware works.

rclpy holds Python's global lock during a publication, while the middleware sends to each receiver
and waits for its own threads and, with shared memory, even for another process's (see
``middleware``). Called through ``ctypes``, the same function of the same library releases the lock.
"""

from __future__ import annotations

import ctypes
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message

from der_ros.drivers.realtime import Grant


class Allocator(ctypes.Structure):
    """``rcutils_allocator_t``; nothing is allocated in a message that is only sent."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("allocate", "deallocate", "reallocate", "zero_allocate", "state")
    ]


class _SerializedMessage(ctypes.Structure):
    """``rcl_serialized_message_t``."""

    _fields_ = [
        ("buffer", ctypes.c_char_p),
        ("buffer_length", ctypes.c_size_t),
        ("buffer_capacity", ctypes.c_size_t),
        ("allocator", Allocator),
    ]


def _library() -> Any:
    """Return ``rcl_publish_serialized_message``, or None if the library is not found."""
    try:
        function = ctypes.CDLL("librcl.so").rcl_publish_serialized_message
    except (OSError, AttributeError):
        return None
    message = ctypes.POINTER(_SerializedMessage)
    function.argtypes = [ctypes.c_void_p, message, ctypes.c_void_p]
    function.restype = ctypes.c_int
    return function


_PUBLISH = _library()


class FreePublisher:
    """Publishes messages of one topic; through rclpy if the library is not found."""

    def __init__(self, node: Node, message_class: Any, topic: str, qos: QoSProfile | int) -> None:
        self._publisher = node.create_publisher(message_class, topic, qos)

    @property
    def readers(self) -> int:
        """Present number of subscriptions."""
        return int(self._publisher.get_subscription_count())

    def publish(self, message: Any) -> None:
        """Publish one message of the topic.

        Raises:
            RuntimeError: the middleware refused it.
        """
        if _PUBLISH is None:
            self._publisher.publish(message)
            return
        data = serialize_message(message)
        wrapped = _SerializedMessage(data, len(data), len(data), Allocator())
        # The context keeps the publisher from being destroyed.
        handle = self._publisher.handle
        with handle:
            code = _PUBLISH(handle.pointer, ctypes.byref(wrapped), None)
        if code != 0:
            raise RuntimeError(f"{self._publisher.topic_name}: not published, rcl's code {code}")


def publishing() -> Grant:
    """Return if publications leave other threads of Python running, and how."""
    if _PUBLISH is None:
        return Grant(False, "librcl.so was not found: a publication keeps every thread waiting")
    return Grant(True, "without the global lock")
