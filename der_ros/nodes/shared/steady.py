"""Timers on the steady clock, independent of the wall clock and of simulated time."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer


def bring_into_phase(node: Node) -> None:
    """Restart all timers of a node at once, so that timers due together wake its executor once.

    At each wake-up the executor collects all entities of the node, which takes most of its time.
    """
    for timer in node.timers:
        if not timer.is_canceled():
            timer.reset()


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Create a timer that calls ``callback`` every ``period_s`` seconds of the steady clock.

    A timer on the node's clock would stop while the wall clock is set back or ``/clock`` is paused.
    """
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
