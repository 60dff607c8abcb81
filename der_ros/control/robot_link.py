"""Interface between the bridge and the link to a robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from der_ros.drivers.motion import MeasuredRobot, SentMotion
from der_ros.drivers.realtime import Grant
from der_ros.geometry import Twist


class Callbacks(NamedTuple):
    """Callbacks of the bridge; they run in the link's thread and must not block.

    Attributes:
        on_cycle: Returns the twist of the TCP for the next cycle, base axes, from the measured
            state.
        on_answered: Handles the motion that was sent.
        on_lost: Handles the loss of the robot, with the reason; nothing more is sent.
    """

    on_cycle: Callable[[MeasuredRobot], Twist]
    on_answered: Callable[[SentMotion], None]
    on_lost: Callable[[str], None]


class RobotLink(Protocol):
    """Link to a robot that calls the bridge once per cycle.

    Attributes:
        cycle_s: Time from one ``on_cycle`` to the next, s.
        hardware_id: Name of the robot in the diagnostics.
        realtime_priority: SCHED_FIFO priority that the link's thread requests; 0 for none.
    """

    cycle_s: float
    hardware_id: str
    realtime_priority: int

    @property
    def is_on_this_host(self) -> bool:
        """True if the robot's address is this computer's, as for a simulated robot."""
        ...

    @property
    def grants(self) -> Mapping[str, Grant]:
        """Results of the link thread's real-time requests, by name."""
        ...

    @property
    def joint_names(self) -> Sequence[str]:
        """Joint names in the order of ``MeasuredRobot.joint_positions_rad``."""
        ...

    @property
    def connected(self) -> bool:
        """True while the robot is measured and accepts commands."""
        ...

    @property
    def waiting_for(self) -> str:
        """Description of the missing part while the robot is not connected."""
        ...

    @property
    def lost(self) -> str:
        """Reason why a connected robot was lost, as the beginning of a sentence."""
        ...

    @property
    def warning(self) -> str:
        """Warning about messages from the robot; empty if there is none."""
        ...

    @property
    def failure(self) -> str:
        """Reason why the link's thread has ended unexpectedly; empty otherwise."""
        ...

    def open(self) -> None:
        """Start the cycles of the link."""
        ...

    def close(self) -> None:
        """Stop the cycles; nothing is sent afterwards."""
        ...

    def find_rival(self) -> str | None:
        """Look for another source of commands or states of this robot; return it, or None."""
        ...

    def figures(self) -> Mapping[str, object]:
        """Return counters and latencies for the diagnostics."""
        ...
