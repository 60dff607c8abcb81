"""Extraction of one arm's joint positions from joint states of any publisher."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from der_ros.control.command_gate import MAX_FUTURE_S
from der_ros.control.stamps import StampError, stamp_age_s, stamp_ns
from der_ros.drivers.arm.arm_records import JointReading
from der_ros.geometry import Array

_MOST_NAMED, _LONGEST_NAME = 10, 40


class JointReader:
    """Reader of the arm's joints from joint states, in any order and among other joints.

    Args:
        joint_names: Names of the arm's joints.
        timeout_s: Age at which a stamp is stale, s.

    Attributes:
        joint_names: Names of the joints in the order of the returned positions.
        dropped: Number of dropped joint states by reason.
    """

    def __init__(self, joint_names: Sequence[str], timeout_s: float) -> None:
        self.joint_names = tuple(joint_names)
        self._timeout_s = timeout_s
        self.dropped: dict[str, int] = {}
        self._found = False
        self._newest_ns: int | None = None
        self._complaint = ""
        self._complained_s = float("-inf")

    @property
    def complaint(self) -> str:
        """Reason for dropping joint states within the last 2 s, in parentheses, or empty."""
        recent = time.monotonic() - self._complained_s < 2.0
        return f" ({self._complaint})" if recent else ""

    @property
    def warning(self) -> str:
        """Warning about joint states dropped within the last 2 s, or empty."""
        return f"joint states were dropped{self.complaint}" if self.complaint else ""

    def read(self, message: Any, age_s: float, now_ns: int) -> JointReading | None:
        """Return the arm's joint positions, or None if the message cannot be used.

        Args:
            message: ``JointState`` of any publisher on the topic.
            age_s: Time since its arrival, s.
            now_ns: Time of the node's clock, ns.
        """
        problem = self._problem(message)
        if problem is not None:
            self._drop(*problem)
            return None
        try:
            stamped_s = stamp_age_s(
                now_ns,
                message.header.stamp,
                max_age_s=self._timeout_s,
                max_future_s=MAX_FUTURE_S,
            )
        except StampError as error:
            self._drop(error.kind, str(error))
            return None
        if self._is_overtaken(message):
            self._drop("overtaken", "they are older than others that came before them")
            return None
        self._found = True
        self._newest_ns = stamp_ns(message.header.stamp)
        return JointReading(self._positions(message), time.monotonic() - max(age_s, stamped_s, 0.0))

    def _positions(self, message: Any) -> Array:
        places = {name: i for i, name in enumerate(message.name)}
        return np.array([message.position[places[name]] for name in self.joint_names])

    def _problem(self, message: Any) -> tuple[str, str] | None:
        """Return kind and description of a problem with the message's joints, or None."""
        missing = [name for name in self.joint_names if name not in message.name]
        if len(missing) == len(self.joint_names):
            # States of another device; reported only until the arm's own arrive.
            return "foreign", "" if self._found else f"they name {_some(message.name)}"
        if missing:
            return "missing", f"they lack {', '.join(missing)}"
        twice = [name for name in self.joint_names if message.name.count(name) > 1]
        if twice:
            return "twice", f"they name {', '.join(twice)} more than once"
        if len(message.position) != len(message.name):
            return "length", f"{len(message.position)} positions for {len(message.name)} names"
        if not np.isfinite(self._positions(message)).all():
            return "not_finite", "a position is NaN or infinite"
        return None

    def _is_overtaken(self, message: Any) -> bool:
        """Return True if a newer message was read; a much older stamp is a clock set back."""
        behind_s = 1e-9 * ((self._newest_ns or 0) - stamp_ns(message.header.stamp))
        return 0.0 < behind_s <= self._timeout_s

    def _drop(self, kind: str, complaint: str = "") -> None:
        self.dropped[kind] = self.dropped.get(kind, 0) + 1
        if complaint:
            self._complaint, self._complained_s = complaint, time.monotonic()


def _some(names: Sequence[str]) -> str:
    """Return the first of the names that another device publishes, each shortened."""
    shown = ", ".join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMED])
    return f"{shown} …" if len(names) > _MOST_NAMED else shown or "no joint"
