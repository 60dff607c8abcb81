"""Conditioning of raw readings: signs, filter, weight compensation, bias and output rate."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from der_ros.drivers.netft.low_pass import LowPass
from der_ros.drivers.netft.payload import Payload
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Array, Pose, Wrench, rotation_matrix

NO_ORIENTATION = "no fresh orientation of the sensor, which the payload's weight depends on"


class FilterChoice(NamedTuple):
    """Low-pass filter settings, independent of the sample rate; a cut-off of 0 Hz is no filter."""

    order: int = 2
    cutoff_hz: float = 0.0


@dataclass(frozen=True)
class ConditioningConfig:
    """Configuration of the conditioning.

    Attributes:
        axis_signs: Sign of each axis, (6,), 1 or -1.
        rate_hz: Maximum output rate, Hz.
        bias_samples: Number of readings whose mean is the bias; fewer after a gap.
        low_pass: Filter applied to each input reading.
        payload: Payload whose weight is subtracted.
        gravity_mps2: Acceleration of free fall, (3,) m/s^2, world axes.
        gap_s: Pause after which the filter restarts, and earlier readings enter no bias, s.
    """

    axis_signs: Array
    rate_hz: float
    bias_samples: int
    low_pass: FilterChoice
    payload: Payload
    gravity_mps2: Array
    gap_s: float


class ConditionedWrench(NamedTuple):
    """Output reading; N and Nm, sensor axes, about the sensor's origin.

    Attributes:
        raw: Reading with signs and filter applied.
        measured: Reading with weight and bias subtracted as well.
        world_from_sensor: Orientation of the sensor at that time, (4,) xyzw, or None.
        bias: Subtracted bias, (6,) N and Nm.
    """

    raw: Wrench
    measured: Wrench
    world_from_sensor: Array | None
    bias: Array


class WrenchConditioner:
    """Conditioning of one sensor's readings.

    One thread calls ``take``; other threads may change payload, filter and bias.

    Attributes:
        not_finite: Number of readings dropped because they are not finite.
        taken_s: Time of the latest usable reading, s.
        blocked: Reason why received readings cannot be used; empty if they can.
    """

    def __init__(self, config: ConditioningConfig) -> None:
        signs = config.axis_signs
        if signs.shape != (6,) or not (np.abs(signs) == 1.0).all():
            raise ConfigurationError(
                f"axis_signs: expected 1 or -1 six times, got {signs.tolist()}"
            )
        self._config = config
        self._period_s = 1.0 / config.rate_hz
        self._due_s = self.taken_s = self._fed_s = -math.inf
        self._low_pass: LowPass | None = None
        self._sample_rate_hz = 0.0
        self._choice, self._payload = config.low_pass, config.payload
        self._recent: deque[tuple[float, Array]] = deque(maxlen=config.bias_samples)
        self._bias: Array = np.zeros(6)
        self._biased = self._has_reference = False
        self._lock = threading.Lock()
        self.not_finite = 0
        self.blocked = ""

    @property
    def biased(self) -> bool:
        """True while a bias is subtracted."""
        return self._biased

    @property
    def settings(self) -> tuple[FilterChoice, float, tuple[float, ...]]:
        """Filter, and the payload's mass, kg, and centre of mass, (3,) m, which may change."""
        payload = self._payload
        return self._choice, payload.mass_kg, tuple(payload.center_of_mass_m.tolist())

    @property
    def config(self) -> ConditioningConfig:
        """Configuration with the current filter and payload."""
        return replace(self._config, low_pass=self._choice, payload=self._payload)

    @property
    def payload(self) -> Payload:
        """Payload whose weight is subtracted."""
        return self._payload

    @property
    def filters(self) -> bool:
        """True if a filter is set, which needs every record."""
        return self._choice.cutoff_hz > 0.0

    def take(
        self,
        reading: Wrench,
        now_s: float,
        orientation: Callable[[], Array | None] = lambda: None,
    ) -> ConditionedWrench | None:
        """Process a reading; return the conditioned wrench if one is due and usable, else None.

        Args:
            reading: Reading of the sensor, N and Nm, sensor axes.
            now_s: Current time on the monotonic clock, s.
            orientation: Function that returns ``world_from_sensor``, (4,) xyzw, or None if no fresh
                one is known; called only if a wrench is due.
        """
        signed = reading.to_array() * self._config.axis_signs
        if not all(map(math.isfinite, signed.tolist())):
            self.not_finite += 1
            return None
        with self._lock:
            raw = self._filtered(signed, now_s)
            if raw is None:
                return None
            if now_s - self.taken_s > self._config.gap_s:
                # During the gap the load may have changed.
                self._recent.clear()
            if now_s < self._due_s:
                self.taken_s = self.taken_s if self.blocked else now_s
                return None
            # Due up to a quarter of a period early, because the source has another clock.
            self._due_s = max(self._due_s + self._period_s, now_s + 0.75 * self._period_s)
            return self._condition(raw, now_s, orientation())

    def _condition(
        self, raw: Array, now_s: float, world_from_sensor: Array | None
    ) -> ConditionedWrench | None:
        unloaded = raw
        if self._payload.mass_kg > 0.0:
            if world_from_sensor is None:
                self.blocked = NO_ORIENTATION
                return None
            weight = self._payload.weight(world_from_sensor, self._config.gravity_mps2)
            unloaded = raw - weight.to_array()
        self.blocked, self.taken_s = "", now_s
        self._recent.append((now_s, unloaded))
        measured = Wrench.from_array(unloaded - self._bias)
        return ConditionedWrench(Wrench.from_array(raw), measured, world_from_sensor, self._bias)

    def set_sample_rate(self, rate_hz: float) -> None:
        """Set the rate of the readings for the filter, Hz; 0 if unknown."""
        if rate_hz != self._sample_rate_hz:
            with self._lock:
                self._sample_rate_hz, self._low_pass = rate_hz, None

    def check_filter(self, choice: FilterChoice) -> FilterChoice:
        """Return ``choice`` if the filter is possible at the current sample rate.

        Raises:
            ConfigurationError: The filter is not possible.
        """
        self._design(choice)
        return choice

    def set_filter(self, choice: FilterChoice) -> None:
        """Use another filter from the next reading on.

        Raises:
            ConfigurationError: The filter is not possible at the current sample rate.
        """
        low_pass = self._design(choice)
        with self._lock:
            self._choice, self._low_pass = choice, low_pass

    def set_payload(self, payload: Payload) -> None:
        """Set the payload whose weight is subtracted; clear the bias, which held the old weight."""
        with self._lock:
            self._payload = payload
            self._forget_bias()

    def bias(self, now_s: float, max_age_s: float) -> tuple[Array, int]:
        """Set the bias to the mean of the latest readings; return it, (6,), and their number.

        Raises:
            ConnectionFailedError: There is no reading younger than ``max_age_s``.
        """
        with self._lock:
            mean, count = self._mean(now_s, max_age_s)
            self._bias, self._biased, self._has_reference = mean, True, True
            return mean, count

    def since_bias(self, now_s: float, max_age_s: float) -> Wrench | None:
        """Return the mean of the latest readings minus the last bias; None without a bias.

        Raises:
            ConnectionFailedError: There is no reading younger than ``max_age_s``.
        """
        with self._lock:
            if not self._has_reference:
                return None
            return Wrench.from_array(self._mean(now_s, max_age_s)[0] - self._bias)

    def box_is_zero(self, since_s: float) -> None:
        """Record that the box has taken a bias; readings from ``since_s`` on are relative to it."""
        with self._lock:
            kept = [each for each in self._recent if each[0] >= since_s]
            self._forget_bias()
            self._recent.extend(kept)
            self._has_reference = True

    def forget_reference(self) -> None:
        """Discard the reference of the last bias, so that the next one is not compared with it."""
        with self._lock:
            self._has_reference = False

    def mean(self, now_s: float, max_age_s: float) -> Wrench:
        """Return the mean of the latest readings without the bias subtracted.

        Raises:
            ConnectionFailedError: There is no reading younger than ``max_age_s``.
        """
        with self._lock:
            return Wrench.from_array(self._mean(now_s, max_age_s)[0])

    def newest_since(self, since_s: float) -> tuple[float, Wrench] | None:
        """Return time and value of the newest reading, without bias, if newer than ``since_s``."""
        with self._lock:
            if not self._recent or self._recent[-1][0] <= since_s:
                return None
            stamp_s, reading = self._recent[-1]
            return stamp_s, Wrench.from_array(reading)

    def clear_bias(self) -> None:
        """Clear the bias and discard earlier readings."""
        with self._lock:
            self._forget_bias()

    def _forget_bias(self) -> None:
        self._bias, self._biased, self._has_reference = np.zeros(6), False, False
        self._recent.clear()

    def _mean(self, now_s: float, max_age_s: float) -> tuple[Array, int]:
        fresh = [reading for stamp_s, reading in self._recent]
        if not fresh or now_s - self._recent[-1][0] > max_age_s:
            raise ConnectionFailedError(
                f"bias: expected fresh readings, got {self.blocked or 'none'}; wait for netft_ready"
            )
        return np.mean(fresh, axis=0), len(fresh)

    def _filtered(self, signed: Array, now_s: float) -> Array | None:
        if self._choice.cutoff_hz <= 0.0:
            return signed
        if self._low_pass is None:
            try:
                self._low_pass = self._design(self._choice)
            except ConfigurationError as error:
                self.blocked = str(error)
                return None
        if self._low_pass is None:
            return signed
        if now_s - self._fed_s > self._config.gap_s:
            self._low_pass.restart()
        self._fed_s = now_s
        return self._low_pass.update(signed)

    def _design(self, choice: FilterChoice) -> LowPass | None:
        if choice.cutoff_hz <= 0.0:
            return None
        if self._sample_rate_hz <= 0.0:
            raise ConfigurationError(
                "filter: expected the rate of the readings, got none from the sensor; "
                "set sample_rate_hz"
            )
        return LowPass(choice.order, choice.cutoff_hz, self._sample_rate_hz)


def dead_band(wrench: Wrench, widths: Array) -> Wrench:
    """Set each of the six values that is within its width of zero to zero."""
    values = wrench.to_array()
    return Wrench.from_array(np.where(np.abs(values) <= widths, 0.0, values))


def in_world_axes(wrench: Wrench, world_from_sensor: Array) -> Wrench:
    """Return the wrench in world axes, about the sensor's origin."""
    return wrench.rotated(rotation_matrix(world_from_sensor))


def at_tool(wrench: Wrench, tool_from_sensor: Pose) -> Wrench:
    """Return the wrench in tool axes, about the tool's origin."""
    return wrench.seen_from(tool_from_sensor)


class ForceLimits(NamedTuple):
    """Maximum magnitudes of force and torque."""

    force_n: float
    torque_nm: float

    def exceeded_by(self, wrench: Wrench) -> bool:
        """Return True if ``wrench`` exceeds a limit or is not finite."""
        force, torque = wrench.norms()
        return not (force <= self.force_n and torque <= self.torque_nm)
