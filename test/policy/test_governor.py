"""Properties of the governor: for any input, the output is finite and within limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ConfigurationError
from der_ros.policy.governor import (
    GovernorLimits,
    GovernorState,
    Intervention,
    govern,
    govern_numbers,
)

LIMITS = GovernorLimits(workspace_min_m=(-0.1, -0.1, -0.02), workspace_max_m=(0.1, 0.1, 0.2))
REST = GovernorState.rest()
CALM = np.zeros(6)
HERE = np.zeros(3)
DT = 0.012

anything = st.floats(allow_nan=True, allow_infinity=True)
six = st.one_of(st.none(), st.tuples(*[anything] * 6))
sane_six = st.tuples(*[st.floats(-0.2, 0.2)] * 6)
sane_wrench = st.tuples(*[st.floats(-60.0, 60.0)] * 3, *[st.floats(-8.0, 8.0)] * 3)


def norms(twist):
    return math.hypot(*twist[:3]), math.hypot(*twist[3:])


@given(
    command=six,
    wrench=six,
    position=st.tuples(anything, anything, anything),
    dt=anything,
    twist=st.tuples(*[anything] * 6),
    latched=st.booleans(),
)
def test_any_input_gives_a_finite_slow_twist(command, wrench, position, dt, twist, latched):
    state, flags = govern(LIMITS, GovernorState(twist, latched), command, wrench, position, dt)
    linear, angular = norms(state.twist)
    assert linear <= LIMITS.max_linear_speed_mps * (1 + 1e-12)
    assert angular <= LIMITS.max_angular_speed_radps * (1 + 1e-12)
    assert state.latched == bool(flags & Intervention.HARD_FORCE)
    if state.latched:
        assert state.twist == (0.0,) * 6


numbers = st.one_of(anything, st.floats(-0.12, 0.12))
force = st.one_of(anything, st.floats(-80.0, 80.0))


@given(
    command=st.tuples(*[numbers] * 6),
    wrench=st.tuples(*[force] * 6),
    position=st.tuples(*[numbers] * 3),
    dt=st.one_of(anything, st.sampled_from([0.004, 0.012, 0.06])),
    twist=st.tuples(*[numbers] * 6),
    latched=st.booleans(),
)
def test_the_form_for_inner_loops_gives_the_same_bits(
    command, wrench, position, dt, twist, latched
):
    state = GovernorState(twist, latched)
    checked = govern(LIMITS, state, np.array(command), np.array(wrench), np.array(position), dt)
    assert repr(govern_numbers(LIMITS, state, command, wrench, position, dt)) == repr(checked)


@given(
    gaps=st.tuples(*[st.floats(-0.001, 0.006)] * 3),
    way=st.tuples(*[st.floats(-1.0, 1.0)] * 3),
    dt=st.sampled_from([0.004, 0.012, 0.06]),
)
def test_a_wall_counts_from_the_braking_distance_on(gaps, way, dt):
    position = (0.1 - gaps[0], -0.1 + gaps[1], 0.2 - gaps[2])
    norm = math.hypot(*way)
    command = tuple(0.05 * w / norm for w in way) if norm > 0.0 else (0.0,) * 3
    state = GovernorState((*command, 0.0, 0.0, 0.0), False)
    governed = govern(LIMITS, state, state.twist, CALM, position, dt)
    limited = False
    for v, p, low, high in zip(
        command, position, LIMITS.workspace_min_m, LIMITS.workspace_max_m, strict=True
    ):
        left = max(high - p if v > 0 else p - low, 0.0)
        limited |= abs(v) > 2 * left / (dt + math.sqrt(dt * dt + 2 * left / 1.0))
    assert limited == bool(governed.interventions & Intervention.WORKSPACE)


@given(
    commands=st.lists(st.tuples(sane_six, sane_wrench), min_size=1, max_size=60),
    start=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-0.02, 0.2)),
    dt=st.sampled_from([0.004, 0.012, 0.06]),
)
def test_a_following_body_stays_in_the_workspace(commands, start, dt):
    position, state = np.array(start), REST
    for command, wrench in commands:
        for _ in range(5):
            state, _ = govern(LIMITS, state, command, wrench, position, dt)
            position = position + dt * np.array(state.twist[:3])
            assert (position >= np.array(LIMITS.workspace_min_m) - 1e-12).all()
            assert (position <= np.array(LIMITS.workspace_max_m) + 1e-12).all()


@given(commands=st.lists(st.one_of(st.none(), sane_six), min_size=1, max_size=40))
def test_without_force_the_acceleration_limit_holds(commands):
    state = REST
    for command in commands:
        last = np.array(state.twist)
        state, _ = govern(LIMITS, state, command, CALM, HERE, DT)
        change = np.array(state.twist) - last
        assert np.linalg.norm(change[:3]) <= 1.0 * DT * (1 + 1e-9)
        assert np.linalg.norm(change[3:]) <= 2.0 * DT * (1 + 1e-9)


@given(rest=st.lists(st.tuples(six, six), min_size=1, max_size=20))
def test_a_latch_stays_whatever_follows(rest):
    state, flags = govern(LIMITS, REST, CALM, [0, 0, 500.0, 0, 0, 0], HERE, DT)
    assert flags == Intervention.HARD_FORCE
    for command, wrench in rest:
        state, flags = govern(LIMITS, state, command, wrench, HERE, DT)
        assert state == GovernorState((0.0,) * 6, True)
        assert flags == Intervention.HARD_FORCE


@given(wrench=sane_wrench, command=sane_six, twist=st.tuples(*[st.floats(-0.02, 0.02)] * 6))
def test_above_the_soft_limit_it_never_pushes_back(wrench, command, twist):
    force = np.array(wrench[:3])
    size = np.linalg.norm(force)
    if size <= 50.0:
        return
    state, flags = govern(LIMITS, GovernorState(twist, False), command, wrench, HERE, DT)
    assert flags & Intervention.SOFT_FORCE
    wanted = min(1e-4 * (size - 50.0), LIMITS.max_linear_speed_mps)
    # A sideways command shares the speed limit: it may slow the retreat, but not reverse it.
    assert np.dot(state.twist[:3], force / size) >= 0.5 * wanted - 1e-9


def settle(command, wrench=CALM, position=HERE, cycles=50):
    state, seen = REST, Intervention(0)
    for _ in range(cycles):
        state, flags = govern(LIMITS, state, command, wrench, position, DT)
        seen |= flags
    return np.array(state.twist), flags, seen


def test_a_modest_command_passes_unchanged_once_ramped():
    command = np.array([0.01, -0.02, 0.005, 0.01, 0.0, -0.03])
    twist, flags, seen = settle(command)
    assert twist == pytest.approx(command)
    assert flags == 0
    assert seen == Intervention.ACCELERATION


def test_a_limited_speed_keeps_its_direction():
    twist, flags, _ = settle([0.3, 0.4, 0.0, 0.0, 0.0, 7.0])
    assert twist == pytest.approx([0.03, 0.04, 0, 0, 0, 0.05])
    assert flags == Intervention.SPEED


def test_float32_at_the_limit_is_no_intervention():
    _, flags, _ = settle(np.array([0.05, 0, 0, 0, 0, 0], np.float32).astype(float))
    assert flags == 0


def test_the_workspace_stops_outward_motion_only():
    wall = np.array([0.1, 0.0, 0.25])
    out, flags, _ = settle([0.02, 0.01, 0.01, 0, 0, 0], position=wall)
    assert out[:3] == pytest.approx([0.0, 0.01, 0.0])
    assert flags == Intervention.WORKSPACE
    inwards, flags, _ = settle([-0.02, 0.01, -0.01, 0, 0, 0], position=wall)
    assert inwards[:3] == pytest.approx([-0.02, 0.01, -0.01])
    assert flags == 0


def test_the_arm_can_brake_ahead_of_a_wall():
    position, state, speeds = np.zeros(3), REST, []
    for _ in range(300):
        state, _ = govern(LIMITS, state, [0.05, 0, 0, 0, 0, 0], CALM, position, DT)
        position = position + DT * np.array(state.twist[:3])
        speeds.append(state.twist[0])
    assert position[0] == pytest.approx(0.1, abs=1e-4)
    assert max(-np.diff(speeds)) <= 1.0 * DT * (1 + 1e-9)


def test_soft_force_takes_away_the_push_and_yields():
    # 60 N up on the tool: motion down is refused, and the tool yields upwards at 1e-4 * 10 m/s.
    twist, flags, _ = settle([0.01, 0, -0.03, 0, 0, 0], wrench=[0, 0, 60.0, 0, 0, 0])
    assert twist == pytest.approx([0.01, 0, 0.001, 0, 0, 0])
    assert flags == Intervention.SOFT_FORCE
    twist, _, _ = settle([0, 0, 0, 0, 0.02, 0], wrench=[0, 0, 0, 0, -7.0, 0])
    assert twist == pytest.approx([0, 0, 0, 0, -0.002, 0])


def test_the_acceleration_limit_delays_no_yielding():
    driving = GovernorState((0.02, 0.0, -0.04, 0.0, 0.0, 0.0), False)
    state, _ = govern(LIMITS, driving, [0.02, 0, -0.04, 0, 0, 0], [0, 0, 60, 0, 0, 0], HERE, DT)
    assert state.twist[:3] == pytest.approx((0.02, 0.0, 0.001))


@pytest.mark.parametrize("wrench", [[0, -500.0, 0, 0, 0, 0], [0, 0, 0, 30.0, 40.0, 0]])
def test_a_hard_limit_stops_at_once(wrench):
    driving = GovernorState((0.02, 0.0, -0.04, 0.0, 0.0, 0.0), False)
    governed = govern(LIMITS, driving, None, wrench, HERE, DT)
    assert governed.state == GovernorState((0.0,) * 6, True)
    assert governed.interventions == Intervention.HARD_FORCE | Intervention.STALE


@pytest.mark.parametrize(
    ("command", "wrench", "position", "why"),
    [
        (None, CALM, HERE, Intervention.STALE),
        (CALM + 0.01, None, HERE, Intervention.STALE),
        ([math.nan] * 6, CALM, HERE, Intervention.NOT_FINITE),
        (CALM + 0.01, [0, 0, math.inf, 0, 0, 0], HERE, Intervention.NOT_FINITE),
        (CALM + 0.01, CALM, [math.nan, 0, 0], Intervention.NOT_FINITE),
    ],
)
def test_what_is_missing_or_garbage_ramps_to_zero(command, wrench, position, why):
    state = GovernorState((0.04, 0.0, 0.0, 0.0, 0.0, 0.04), False)
    state, flags = govern(LIMITS, state, command, wrench, position, DT)
    assert flags == why | Intervention.ACCELERATION
    assert state.twist == pytest.approx((0.04 - 0.012, 0, 0, 0, 0, 0.04 - 0.024))
    for _ in range(4):
        state, flags = govern(LIMITS, state, command, wrench, position, DT)
    assert state == GovernorState((0.0,) * 6, False)
    assert flags == why


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan, math.inf])
def test_a_bad_period_stops_at_once(dt):
    driving = GovernorState((0.04, 0.0, 0.0, 0.0, 0.0, 0.0), False)
    assert govern(LIMITS, driving, CALM + 0.04, CALM, HERE, dt) == (REST, Intervention.NOT_FINITE)


@pytest.mark.parametrize("gain_share", [0.1, 0.29])
def test_force_settles_at_the_soft_limit(gain_share):
    stiffness, dt = 1e5, DT
    limits = GovernorLimits(
        workspace_min_m=(-1, -1, -1),
        workspace_max_m=(1, 1, 1),
        yield_gain_mps_per_n=gain_share / (stiffness * dt),
    )
    limits.check_yield_stability(dt, stiffness)
    depth, state, forces = 0.003, REST, []
    for _ in range(100):
        forces.append(stiffness * depth)
        state, _ = govern(limits, state, CALM, [0, 0, forces[-1], 0, 0, 0], HERE, dt)
        depth -= dt * state.twist[2]
    assert forces[0] == pytest.approx(300.0)
    assert (np.diff(forces) <= 1e-9).all()
    assert forces[-1] == pytest.approx(50.0, rel=0.01)


def test_an_oscillating_gain_is_refused():
    with pytest.raises(ConfigurationError, match=r"yield_gain_mps_per_n.*use at most 2\.5e-05"):
        LIMITS.check_yield_stability(0.012, 1e6)
    with pytest.raises(ConfigurationError, match="yield_gain_radps_per_nm"):
        LIMITS.check_yield_stability(0.012, 1e5, 1e6)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"max_linear_speed_mps": 0.0}, "max_linear_speed_mps"),
        ({"soft_force_n": math.nan}, "soft_force_n"),
        ({"hard_force_n": 40.0}, "hard_force_n"),
        ({"yield_gain_mps_per_n": "much"}, "yield_gain_mps_per_n"),
        ({"workspace_min_m": (0.2, 0.0, 0.0)}, "workspace_min_m"),
        ({"workspace_max_m": (0.2, 0.0)}, "workspace_max_m"),
        ({"workspace_max_m": (0.2, 0.0, math.inf)}, "workspace_max_m"),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_name(wrong, named):
    box = {"workspace_min_m": (-0.1, -0.1, -0.1), "workspace_max_m": (0.1, 0.1, 0.1)}
    with pytest.raises(ConfigurationError, match=named):
        GovernorLimits(**{**box, **wrong})


def test_a_wrong_number_of_elements_is_said():
    with pytest.raises(ConfigurationError, match="command: expected 6"):
        govern(LIMITS, REST, [0.0] * 5, CALM, HERE, DT)
    with pytest.raises(ConfigurationError, match="position: expected 3"):
        govern(LIMITS, REST, CALM, CALM, [0.0], DT)
