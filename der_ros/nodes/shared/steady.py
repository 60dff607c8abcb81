"""Timers that fire at a steady rate, whatever the computer's clock or a simulated one does."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Call ``callback`` every ``period_s`` of the steady clock, in the executor's thread.

    A timer of the node's own clock stands still while the wall clock has been set back, or while
    ``/clock`` is paused.
    """
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
