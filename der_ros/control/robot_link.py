"""The interface between the bridge and the link to a robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from der_ros.drivers.motion import MeasuredRobot, SentMotion
from der_ros.drivers.realtime import Grant
from der_ros.geometry import Twist


class Callbacks(NamedTuple):
    """The bridge's part of a cycle; each runs in the link's thread and must not block.

    Attributes:
        on_cycle: from the measured robot to the twist of the TCP for the next cycle, base axes.
        on_answered: takes the motion that was sent.
        on_lost: takes the reason for which the robot was lost; nothing is sent any more.
    """

    on_cycle: Callable[[MeasuredRobot], Twist]
    on_answered: Callable[[SentMotion], None]
    on_lost: Callable[[str], None]


class RobotLink(Protocol):
    """A robot as the bridge sees it, once each cycle.

    Attributes:
        cycle_s: time from one ``on_cycle`` to the next.
        hardware_id: names the robot in the diagnostics.
        realtime_priority: SCHED_FIFO priority that the link's thread asks for; 0 for none.
    """

    cycle_s: float
    hardware_id: str
    realtime_priority: int

    @property
    def is_on_this_host(self) -> bool:
        """True if the robot's address is this computer's own, as only a simulated one's is."""
        ...

    @property
    def grants(self) -> Mapping[str, Grant]:
        """Requests of the link's thread to the operating system, and their results."""
        ...

    @property
    def joint_names(self) -> Sequence[str]:
        """Joint names in the order of ``MeasuredRobot.joint_positions_rad``."""
        ...

    @property
    def connected(self) -> bool:
        """True while the robot is measured and takes commands."""
        ...

    @property
    def waiting_for(self) -> str:
        """The missing part while the robot is not connected, in words."""
        ...

    @property
    def lost(self) -> str:
        """Reason for which a connected robot was lost, as the beginning of a sentence."""
        ...

    @property
    def warning(self) -> str:
        """Warning about messages from the robot's side; empty without one."""
        ...

    @property
    def failure(self) -> str:
        """Reason for which the link's thread has ended by itself; empty while it runs."""
        ...

    @property
    def rival(self) -> str | None:
        """Another source of commands for this robot, as a reason to stop; or None."""
        ...

    def open(self) -> None:
        """Start the cycles of the link."""
        ...

    def close(self) -> None:
        """Stop the cycles; nothing is sent afterwards."""
        ...

    def figures(self) -> Mapping[str, object]:
        """Return counters and latencies for the diagnostics."""
        ...
