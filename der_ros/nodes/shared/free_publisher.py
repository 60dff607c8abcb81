"""Publisher that releases Python's global interpreter lock (GIL) while the middleware works.

rclpy holds the GIL while it publishes. Meanwhile the middleware sends to each receiver and waits
for its own threads and, with shared memory, for other processes (see ``middleware``). This
publisher calls the same ``rcl`` function through ``ctypes``, which releases the GIL.
"""

from __future__ import annotations

import ctypes
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message

from der_ros.drivers.realtime import Grant


class Allocator(ctypes.Structure):
    """``rcutils_allocator_t``; all zeros for a message that is only sent."""

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
    """Return the function ``rcl_publish_serialized_message``, or None if librcl is not found."""
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
    """Publisher of one topic that releases the GIL; uses rclpy if librcl is not found."""

    def __init__(self, node: Node, message_class: Any, topic: str, qos: QoSProfile | int) -> None:
        self._publisher = node.create_publisher(message_class, topic, qos)

    @property
    def readers(self) -> int:
        """Current number of subscriptions."""
        return int(self._publisher.get_subscription_count())

    def publish(self, message: Any) -> None:
        """Publish one message on the topic.

        Raises:
            RuntimeError: The middleware refused the message.
        """
        if _PUBLISH is None:
            self._publisher.publish(message)
            return
        data = serialize_message(message)
        wrapped = _SerializedMessage(data, len(data), len(data), Allocator())
        # The context manager keeps the publisher alive during the call.
        handle = self._publisher.handle
        with handle:
            code = _PUBLISH(handle.pointer, ctypes.byref(wrapped), None)
        if code != 0:
            raise RuntimeError(f"{self._publisher.topic_name}: rcl_publish failed with code {code}")


def publishing_grant() -> Grant:
    """Return the grant for publishing without the GIL, with the reason if it is not given."""
    if _PUBLISH is None:
        return Grant(
            False, "librcl.so was not found: every thread waits while a message is published"
        )
    return Grant(True, "without the global lock")
