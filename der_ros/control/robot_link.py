"""The seam between the bridge and what a robot is reached by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from der_ros.drivers.motion import MeasuredRobot, SentMotion
from der_ros.drivers.realtime import Grant
from der_ros.geometry import Twist


class Callbacks(NamedTuple):
    """What the bridge does; each runs in the link's own thread and must not block.

    Attributes:
        on_cycle: from the measured robot to the twist of the TCP for the next cycle, base axes.
        on_answered: takes what was really sent.
        on_lost: the robot is not where or what it was, and why; nothing is sent any more.
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
        """What the link's thread asked the system for, and what it got."""
        ...

    @property
    def joint_names(self) -> Sequence[str]:
        """Of the joints, in the order of ``MeasuredRobot.joint_positions_rad``."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the robot is measured and takes commands."""
        ...

    @property
    def waiting_for(self) -> str:
        """What is missing where it is not connected, in words."""
        ...

    @property
    def lost(self) -> str:
        """Why a robot that was connected is not any more, as the beginning of a sentence."""
        ...

    @property
    def warning(self) -> str:
        """Warning about what comes from the robot's side; empty while there is none."""
        ...

    @property
    def failure(self) -> str:
        """Why the link's thread has ended although nobody stopped it; empty while it has not."""
        ...

    @property
    def rival(self) -> str | None:
        """Who else commands this robot, as a reason to stop, or None."""
        ...

    def open(self) -> None:
        """Begins the cycles."""
        ...

    def close(self) -> None:
        """Ends them; nothing is sent afterwards."""
        ...

    def figures(self) -> Mapping[str, object]:
        """Counters and latencies for the diagnostics."""
        ...
