"""Commands of a robot: which are accepted, and the newest accepted one in task axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from der_ros.control.frame_names import TCP_FRAME
from der_ros.control.motion_config import MotionConfig
from der_ros.geometry import Array, Twist
from der_ros.rotation import Six, conjugate, rotate_both

MAX_FUTURE_S = 0.1
"""Largest lead of a stamp over this computer's clock, s."""
# Long enough to appear in diagnostics at 1 Hz.
_REFUSAL_SHOWN_S = 2.0
_T = TypeVar("_T")


class AcceptedCommand(NamedTuple):
    """Command for the tool that has passed the gate.

    Attributes:
        twist: Twist of the TCP in task axes, or in TCP axes if ``in_tcp``, m/s and rad/s.
        in_tcp: True if the axes of ``twist`` are those of the TCP.
        since_s: Time from which the command's age counts, s.
        stamp_ns: Stamp of its header, ns.
    """

    twist: Six
    in_tcp: bool
    since_s: float
    stamp_ns: int


class CommandGate:
    """Gate that accepts or refuses commands by frame, numbers and stamp.

    One thread accepts commands while the link's thread reads ``newest``, an immutable record.

    Args:
        config: Frames and timeouts of the motion.
        clock: Clock of all times, s.

    Attributes:
        newest: Newest accepted command; None before the first and after ``forget``.
        accepted: Number of accepted commands.
        refused: Number of refused commands by reason.
    """

    def __init__(self, config: MotionConfig, clock: Callable[[], float]) -> None:
        self._config, self._clock = config, clock
        self._to_task = conjugate(config.base_from_task.to_numbers()[1])
        self.newest: AcceptedCommand | None = None
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self._refusal, self._refusal_s = "", float("-inf")

    def branch(self) -> CommandGate:
        """Return an independent copy on the same clock."""
        return twin_of(self)

    def accept(self, twist: Twist, frame_id: str, stamp_age_s: float, stamp_ns: int) -> str | None:
        """Accept a command and return None, or refuse it and return the reason.

        The arguments are those of ``BridgeMotion.accept_command``.
        """
        now_s = self._clock()
        refusal = self._refusal_of(twist, frame_id, stamp_age_s)
        if refusal is not None:
            self.refuse(*refusal)
            return refusal[1]
        numbers = six_of(twist.linear, twist.angular)
        if frame_id == self._config.base_frame:
            numbers = rotate_both(self._to_task, numbers)
        since_s = now_s - max(0.0, stamp_age_s)
        self.newest = AcceptedCommand(numbers, frame_id == TCP_FRAME, since_s, stamp_ns)
        self.accepted += 1
        return None

    def refuse(self, kind: str, reason: str) -> None:
        """Count a refused command under ``kind``, and keep the reason for ``recent_refusal``."""
        self.refused = self.refused + Counter((kind,))  # a new one, since branches share it
        self._refusal, self._refusal_s = reason, self._clock()

    def forget(self) -> None:
        """Drop the newest command."""
        self.newest = None

    @property
    def recent_refusal(self) -> str:
        """Reason of the newest refusal; empty if it is older than 2 s."""
        recent = self._clock() - self._refusal_s < _REFUSAL_SHOWN_S
        return self._refusal if recent else ""

    def _refusal_of(
        self, twist: Twist, frame_id: str, stamp_age_s: float
    ) -> tuple[str, str] | None:
        """Return the kind and the reason for which a command is refused; None if it is not."""
        config = self._config
        if frame_id not in config.command_frames:
            frames = ", ".join(config.command_frames)
            return "frame", f"frame_id: expected one of {frames}, got '{frame_id}'"
        if not twist.is_finite():
            return "not_finite", "expected finite numbers, got NaN or infinity"
        if stamp_age_s < -MAX_FUTURE_S:
            ahead_s = -stamp_age_s
            return "future", f"stamp: {ahead_s:.3f} s in the future; synchronise the clocks"
        if stamp_age_s > config.command_timeout_s:
            return "old", (
                f"stamp: {stamp_age_s:.3f} s old, expected at most {config.command_timeout_s:g} s; "
                "set header.stamp, synchronise the clocks"
            )
        return None


def six_of(first: Array, second: Array) -> Six:
    """Return two vectors, (3,) each, as six plain numbers."""
    a, b, c = first.tolist()
    d, e, f = second.tolist()
    return (a, b, c, d, e, f)


def twin_of(original: _T) -> _T:
    """Return ``copy.copy(original)`` in a sixth of the time, for an object with a ``__dict__``."""
    kind = type(original)
    twin = kind.__new__(kind)
    twin.__dict__.update(original.__dict__)
    return twin
