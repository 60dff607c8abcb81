"""Moving mass and stiffness of a contact, from touches and slow presses of a ground piece.

Symbols: ``z`` height of the tool, ``s`` its setpoint (the integral of the sent velocity),
``e = s - z``, ``d`` depth below the surface, ``F`` force of the ground piece; ``m``, ``k`` and
``K`` as in ``policy.force_budget``; ``c`` and ``D`` damping and stiffness of the drives.

A press is so slow that nothing accelerates. The slopes of the force are

    F = k d,     F = K (s0 - s),     1 / D = 1 / K - 1 / k

The peak of a touch alone gives no mass: ``F = v sqrt(m k)`` holds for an arm that nothing drives,
and the drives brake or push within the few hundredths of a second of an impact. A touch is
therefore fitted by the momentum, ``m z'' = k d + c e' + D e``. From a time on at which the tool
still moves at the constant speed ``v0``, two integrations give

    m (z - z0 - v0 t) = k II(d) + c I(e) + D II(e)

with ``I`` the integral over time and ``II`` the double one. This is linear in ``m`` and ``c``, and
in ``D``, which is fitted too if the drives do not give way in a press. Poses and sent velocities
are of the same cycle, so delay and filter of the sensor do not matter.

Intervals hold 95 % of a bootstrap (B. Efron, 1979) over touches, presses and halves of presses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from der_ros.errors import DerRosError
from der_ros.geometry import Array
from der_ros.policy.force_budget import ContactLimits

LEAST_TOUCHES = 4
"""Least number of usable touches for a fit."""
LEAST_PRESSES = 2
"""Least number of usable presses for a fit."""
WIDEST_MASS = 0.6
"""Largest width of the mass's interval, as a share of the mass."""
WIDEST_STIFFNESS = 0.4
"""Largest width of a stiffness's interval, as a share of the stiffness."""

_IMPACT_S, _STEADY_S = 0.072, 0.06
_REPLICATES = 400
# Below this share of its largest force, a press may not touch with the whole face yet.
_FIRST_SHARE = 0.2
_LEAST_SAMPLES = 8
_LEAST_SPAN_N = 3.0
# Share of k from which K shows no compliance of the drives.
_RIGID_SHARE = 0.97
_FINE = 8


class ContactFitError(DerRosError, ValueError):
    """The measurements give no contact model; the message says why and what to do."""


class Descent(NamedTuple):
    """Record of one touch or press, one entry for each cycle.

    Attributes:
        speed_mps: Commanded speed of the descent, m/s.
        time_s: Times of the poses, (n,) s.
        height_m: Heights of the tool, (n,) m, along the insertion axis.
        sent_mps: Velocity along that axis that was sent in the cycle before each pose, (n,) m/s.
        force_n: Force of the ground piece along that axis, (n,) N, zero before the contact.
        peak_n: Largest reading of that force, N.
    """

    speed_mps: float
    time_s: Array
    height_m: Array
    sent_mps: Array
    force_n: Array
    peak_n: float

    def setpoint_m(self, cycle_s: float) -> Array:
        """Return the setpoint of the drives up to a constant, (n,) m."""
        return np.cumsum(self.sent_mps) * cycle_s


class Estimate(NamedTuple):
    """Value with its 95 % interval, which contains it."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Width of the interval as a share of the value."""
        return (self.high - self.low) / self.value


@dataclass(frozen=True)
class ContactFit:
    """Contact model that was fitted.

    Attributes:
        mass_kg: Moving mass of the arm, kg.
        stiffness_n_per_m: Stiffness in an impact, N/m.
        pressing_n_per_m: Stiffness in slow pressing, N/m.
        peaks: Measured speed, m/s, and peak force, N, of each touch that was used.
        presses: Number of presses that were used.
        cycle_s: Cycle of the robot, s.
    """

    mass_kg: Estimate
    stiffness_n_per_m: Estimate
    pressing_n_per_m: Estimate
    peaks: tuple[tuple[float, float], ...]
    presses: int
    cycle_s: float

    def limits(self, reaction_delay_s: float) -> ContactLimits:
        """Return the contact model of a force budget with this reaction delay, s."""
        return ContactLimits(
            contact_mass_kg=self.mass_kg.value,
            contact_stiffness_n_per_m=self.stiffness_n_per_m.value,
            pressing_stiffness_n_per_m=self.pressing_n_per_m.value,
            reaction_delay_s=reaction_delay_s,
        )

    def peak_share(self, reaction_delay_s: float) -> float:
        """Return the largest measured peak as a share of the one that a force budget expects."""
        impedance = self.limits(reaction_delay_s).impedance(self.cycle_s)
        return max(peak / (speed * impedance) for speed, peak in self.peaks)

    def check_peaks(self, reaction_delay_s: float) -> None:
        """Check that no touch was harder than a force budget expects.

        Args:
            reaction_delay_s: Reaction delay that the budget is computed with, s.

        Raises:
            ContactFitError: One was; the message names the parameter to raise.
        """
        share = self.peak_share(reaction_delay_s)
        if share > 1.0:
            raise ContactFitError(
                f"peak force: expected at most the one that a force budget computes, got "
                f"{100.0 * share:.0f} % of it; raise reaction_delay_s (now "
                f"{reaction_delay_s:g} s) or let the piece meet the ground piece flat"
            )


class _Press(NamedTuple):
    slopes: tuple[float, float]  # k, K
    halves: tuple[tuple[float, float], ...]
    surface_m: float


class _Touch(NamedTuple):
    """Normal equations of one touch, one entry for each press's surface."""

    normal: Array  # (presses, 3, 3): of m, c, D
    right: Array  # (presses, 3): for k = 1
    speed_mps: float
    peak_n: float


def fit_contact(
    presses: Sequence[Descent], touches: Sequence[Descent], random: np.random.Generator
) -> ContactFit:
    """Fit mass and stiffness to presses and touches of the same place.

    Args:
        presses: Slow presses.
        touches: Touches at several speeds.
        random: Source of the bootstrap's samples.

    Raises:
        ContactFitError: The measurements give no contact model.
    """
    if len(presses) < LEAST_PRESSES:
        raise ContactFitError(f"presses: expected at least {LEAST_PRESSES}, got {len(presses)}")
    cycle_s = _cycle_s([*presses, *touches])
    lines = [_press(descent, cycle_s) for descent in presses]
    surfaces = [line.surface_m for line in lines]
    read = [_touch(descent, cycle_s, surfaces) for descent in touches]
    used = [touch for touch in read if touch is not None]
    if len(used) < LEAST_TOUCHES:
        raise ContactFitError(
            f"touches: expected at least {LEAST_TOUCHES} with steady speed and no missing pose, "
            f"got {len(used)} of {len(touches)}; touch more often, start higher above the piece, "
            "or relieve this computer"
        )
    mass, k, pressing = _estimates(lines, used, random)
    peaks = tuple((touch.speed_mps, touch.peak_n) for touch in used)
    return ContactFit(
        stiffness_n_per_m=_checked("impact stiffness", k, WIDEST_STIFFNESS),
        pressing_n_per_m=_checked("pressing stiffness", pressing, WIDEST_STIFFNESS),
        mass_kg=_checked("mass", mass, WIDEST_MASS),
        peaks=peaks,
        presses=len(lines),
        cycle_s=cycle_s,
    )


def _estimates(
    lines: Sequence[_Press], touches: Sequence[_Touch], random: np.random.Generator
) -> list[Estimate]:
    """Return m, k and K with their intervals."""
    slopes = np.array([line.slopes for line in lines])
    parts = np.array([part for line in lines for part in (line.slopes, *line.halves)])
    normal = np.array([touch.normal for touch in touches])
    right = np.array([touch.right for touch in touches])
    k, pressing = slopes.mean(axis=0).tolist()
    rigid = pressing > _RIGID_SHARE * k
    mass = _mass(normal.sum((0, 1)), right.sum((0, 1)), k, pressing, rigid)
    samples = [
        (
            _sampled_mass(normal, right, slopes, rigid, random),
            *parts[random.integers(len(parts), size=len(parts))].mean(axis=0),
        )
        for _ in range(_REPLICATES)
    ]
    values = np.array((mass, k, pressing))
    low, high = np.percentile(np.array(samples), (2.5, 97.5), axis=0)
    # The slope over a whole press may lie beyond those of its halves.
    ends = np.minimum(values, low), np.maximum(values, high)
    return [Estimate(*map(float, each)) for each in zip(values, *ends, strict=True)]


def _checked(what: str, interval: Estimate, widest: float) -> Estimate:
    """Return an interval; raise if its values are no physical ones or it is too wide."""
    value, low, high = interval
    if not 0.0 < low <= value <= high < math.inf:
        raise ContactFitError(
            f"{what}: expected a number above 0, got {value:.3g} ({low:.3g} to {high:.3g}); is "
            "the piece held firmly, does it meet the ground piece flat?"
        )
    if interval.width > widest:
        raise ContactFitError(
            f"{what}: expected an interval of at most {100.0 * widest:.0f} % of the value, got "
            f"{value:.3g} ({low:.3g} to {high:.3g}); touch more often, and make sure that the "
            "pieces are clean, held firmly and meet flat"
        )
    return interval


def _cycle_s(descents: Sequence[Descent]) -> float:
    """Return the cycle, s: the mean time between two poses, without those that lack one between."""
    times = np.concatenate([np.diff(descent.time_s) for descent in descents])
    middle = np.median(times)
    return float(np.mean(times[np.abs(times - middle) < 0.5 * middle]))


def _press(descent: Descent, cycle_s: float) -> _Press:
    """Return the slopes of one press.

    Raises:
        ContactFitError: The force does not grow with the depth.
    """
    force = descent.force_n
    last = int(np.argmax(force)) + 1
    first = int(np.argmax(force[:last] >= _FIRST_SHARE * force[last - 1]))
    height, setpoint, force = (
        a[first:last] for a in (descent.height_m, descent.setpoint_m(cycle_s), force)
    )
    if len(force) < _LEAST_SAMPLES or force[-1] - force[0] < _LEAST_SPAN_N:
        raise ContactFitError(
            f"press: expected {_LEAST_SAMPLES} or more readings over {_LEAST_SPAN_N:g} N or more, "
            f"got {len(force)} over {force[-1] - force[0]:.1f} N; press harder or slower"
        )
    middle = len(force) // 2
    k, at_zero = _slope(height, force)
    pressing, _ = _slope(setpoint, force)
    halves = tuple(
        (_slope(height[part], force[part])[0], _slope(setpoint[part], force[part])[0])
        for part in (slice(middle), slice(middle, None))
    )
    if not (k > 0.0 and pressing > 0.0):
        raise ContactFitError(
            f"press: expected a force that grows with the depth, got {k:.3g} N/m; does the piece "
            "slide off, or is the sign of the force wrong?"
        )
    return _Press((k, pressing), halves, at_zero / k)


def _slope(height: Array, force: Array) -> tuple[float, float]:
    """Return the growth of the force per metre downwards, and the force at height 0."""
    slope, offset = np.polyfit(-height, force, 1)
    return float(slope), float(offset)


def _touch(descent: Descent, cycle_s: float, surfaces: Sequence[float]) -> _Touch | None:
    """Return the normal equations of a touch; None if it is not usable."""
    equations = [_equations(descent, cycle_s, surface) for surface in surfaces]
    usable = [each for each in equations if each is not None]
    if len(usable) < len(equations):
        return None
    normal, right, speed = zip(*usable, strict=True)
    return _Touch(np.array(normal), np.array(right), float(np.mean(speed)), descent.peak_n)


def _equations(
    descent: Descent, cycle: float, surface_m: float
) -> tuple[Array, Array, float] | None:
    """Return the normal matrix (3, 3), the right side (3,) and the speed of a touch."""
    height, all_setpoints = descent.height_m, descent.setpoint_m(cycle)
    below = np.flatnonzero(height <= surface_m)
    if not below.size:
        return None
    first, last = int(below[0]) - 2, int(below[0]) + round(_IMPACT_S / cycle)
    begin = first - round(_STEADY_S / cycle)
    if begin < 0 or last >= len(height):
        return None
    cycles = (descent.time_s[last] - descent.time_s[begin]) / cycle
    if abs(cycles - (last - begin)) > 0.5:
        return None  # a pose is missing
    before = slice(begin, first + 1)
    velocity, start = np.polyfit(cycle * np.arange(begin - first, 1), height[before], 1)
    if -velocity < 0.5 * descent.speed_mps:
        return None
    lead = float(np.mean((all_setpoints - height)[before]))
    time, z = _finely(cycle, height, first, last)
    known = slice(first, last + 1)
    setpoint = np.interp(time, cycle * np.arange(last - first + 1), all_setpoints[known])
    step = cycle / _FINE
    lag = _integral(setpoint - z - lead, step)
    depth = _integral(_integral(np.maximum(0.0, surface_m - z), step), step)
    columns = np.stack((z - start - velocity * time, -lag, -_integral(lag, step)), axis=1)
    columns, depth = columns[::_FINE] / -velocity, depth[::_FINE] / -velocity
    return columns.T @ columns, columns.T @ depth, -float(velocity)


def _finely(cycle_s: float, height: Array, first: int, last: int) -> tuple[Array, Array]:
    """Return times, s, and heights, m, between the samples ``first`` and ``last``.

    The heights are cubic between two samples (Hermite, with slopes of central differences).
    """
    count = last - first
    i = np.minimum(np.arange(count * _FINE + 1) // _FINE, count - 1)
    u = np.arange(count * _FINE + 1) / _FINE - i
    slope = np.gradient(height)
    a, b = height[first + i], height[first + i + 1]
    p, q = slope[first + i], slope[first + i + 1]
    v = 1.0 - u
    z = a * (1.0 + 2.0 * u) * v**2 + p * u * v**2 + b * u**2 * (3.0 - 2.0 * u) - q * u**2 * v
    return cycle_s * (i + u), z


def _integral(values: Array, step_s: float) -> Array:
    """Return the integral up to each sample, by trapezoids."""
    return np.concatenate(([0.0], np.cumsum(0.5 * (values[1:] + values[:-1])) * step_s))


def _mass(normal: Array, right: Array, k: float, pressing: float, rigid: bool) -> float:
    """Return the mass that solves the normal equations, kg; NaN if there is none."""
    right = k * right
    if not rigid and pressing < k:
        drives = 1.0 / (1.0 / pressing - 1.0 / k)
        normal, right = normal[:2, :2], right[:2] - drives * normal[:2, 2]
    try:
        return float(np.linalg.solve(normal, right)[0])
    except np.linalg.LinAlgError:
        return math.nan


def _sampled_mass(
    normal: Array, right: Array, slopes: Array, rigid: bool, random: np.random.Generator
) -> float:
    """Return the mass of one bootstrap sample, kg."""
    touches, presses = right.shape[:2]
    k, pressing = slopes[random.integers(presses, size=presses)].mean(axis=0).tolist()
    chosen = random.integers(touches, size=touches), random.integers(presses, size=touches)
    return _mass(normal[chosen].sum(0), right[chosen].sum(0), k, pressing, rigid)
