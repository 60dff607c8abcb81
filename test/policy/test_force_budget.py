import dataclasses
import math

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.governor import GovernorLimits, GovernorState, Intervention, govern
from der_ros.policy.limits import compare_limits, limits_to_json, recorded_limits

DT = 0.012
CALM = np.zeros(6)
DOWN = [0, 0, -0.05, 0, 0, 0]
HERE = np.zeros(3)
OFF = GovernorLimits(
    workspace_min_m=(-0.1, -0.1, -0.1), workspace_max_m=(0.1, 0.1, 0.2), soft_force_n=400.0
)
KEPT = dataclasses.replace(OFF, force_budget_n=60.0)
# Z = sqrt(80 kg x 0.26 MN/m) + 73 kN/m x (24 + 12) ms
IMPEDANCE = math.sqrt(80.0 * 2.6e5) + 7.3e4 * 0.036
# Y = 0.05 m x (sqrt(80 kg x 0.26 MN/m) + 0.26 MN/m x (24 + 12) ms)
TURNING = 0.05 * (math.sqrt(80.0 * 2.6e5) + 2.6e5 * 0.036)
FREE = 0.9 * 60.0 / IMPEDANCE


def steady(limits, command, wrench=CALM, position=HERE):
    """Return the steady-state twist of a constant command."""
    state, flags = GovernorState.rest(), Intervention(0)
    for _ in range(40):
        state, flags = govern(limits, state, np.array(command), wrench, position, DT)
    return np.array(state.twist), flags


def peak_of_a_hit(
    limits, command, wrench, lever, inertia, contact, drives, damping_ratio, start, delay_s
):
    """Return the peak force, N, of a servoed inertia of one axis that hits a spring at 0.

    ``command`` moves the one axis, ``wrench`` is that of 1 N in the contact, and the axis moves the
    contact by ``lever`` per unit.
    """
    axis = int(np.flatnonzero(command)[0])
    sign = np.sign(command[axis])
    damping, step_s = 2.0 * damping_ratio * math.sqrt(drives * inertia), 1e-4
    x, v, lead, peak, state = start, 0.0, 0.0, 0.0, GovernorState.rest()
    late = [np.zeros(6)] * (round(delay_s / DT) + 1)
    for _ in range(300):
        late = [*late[1:], max(0.0, x * lever * contact) * wrench]
        state = govern(limits, state, command, late[0], HERE, DT).state
        speed = sign * state.twist[axis]
        for _ in range(round(DT / step_s)):
            force = max(0.0, x * lever * contact)
            lead += (speed - v) * step_s
            v += (drives * lead + damping * (speed - v) - force * lever) / inertia * step_s
            x += v * step_s
            peak = max(peak, force)
    return peak


def test_without_a_budget_nothing_is_limited():
    twist, flags = steady(OFF, [0, 0, -0.05, 0, 0, 0.05], np.array([0, 0, 300.0, 0, 0, 4.0]))
    np.testing.assert_allclose(twist, [0, 0, -0.05, 0, 0, 0.05])
    assert flags == Intervention(0)


def test_the_approach_is_as_slow_as_the_budget_asks():
    twist, flags = steady(KEPT, [0, 0, -0.05, 0, 0, 0])
    assert twist[2] == pytest.approx(-FREE)
    assert flags & Intervention.BUDGET
    assert np.hypot(*steady(KEPT, [0.03, 0, -0.04, 0, 0, 0])[0][[0, 2]]) == pytest.approx(FREE)


def test_a_turn_counts_with_the_farthest_contact():
    twist, _ = steady(KEPT, [0, 0, -0.05, 0, 0, 0.05])
    assert -IMPEDANCE * twist[2] + TURNING * twist[5] == pytest.approx(54.0)
    assert -twist[2] == pytest.approx(twist[5])
    small = dataclasses.replace(KEPT, force_budget_n=30.0)
    assert steady(small, [0, 0, 0, 0.04, 0, -0.03])[0][3] == pytest.approx(0.8 * 27.0 / TURNING)


@pytest.mark.parametrize("felt", [0.5, 20.0])
def test_a_budget_frees_braking_not_acceleration(felt):
    slow = dataclasses.replace(
        KEPT, max_linear_acceleration_mps2=0.1, max_angular_acceleration_radps2=0.1
    )
    wrench = np.array([0, 0, felt, 0, 0, 0.01 * felt])
    moved = govern(slow, GovernorState.rest(), [0, 0, 0.05, 0, 0, 0.05], wrench, HERE, DT).state
    np.testing.assert_allclose(moved.twist, np.array([0, 0, 0.1, 0, 0, 0.1]) * DT)
    driving = GovernorState((0.0, 0.0, -FREE, 0.0, 0.0, 0.0), False)
    stopped = govern(slow, driving, np.zeros(6), wrench, HERE, DT).state.twist[2]
    assert stopped == 0.0


def test_a_turn_away_from_a_torque_is_no_faster():
    # Above the soft torque the turn along it is freed from the acceleration limit.
    limits = dataclasses.replace(KEPT, soft_torque_nm=1.0, max_angular_speed_radps=0.15)
    wrench = np.array([0, 0, 40.0, -1.5, 0, 0])
    turn = govern(limits, GovernorState.rest(), [0, 0, 0, -0.14, 0, 0], wrench, HERE, DT)
    assert turn.state.twist[3] == pytest.approx(-(54.0 - 40.0) / TURNING)


@pytest.mark.parametrize(
    ("force", "torque", "back"),
    [
        (10.0, -3.0, (3.0 - 0.9 * 3.0) / (0.05 * TURNING)),
        (10.0, -9.0, (54.0 - 10.0) / TURNING),
        (50.0, -9.0, 54.0 / (4.0 * TURNING)),
    ],
)
def test_turning_back_leaves_room_for_a_contact(force, torque, back):
    limits = dataclasses.replace(KEPT, soft_torque_nm=40.0, max_angular_speed_radps=1.0)
    twist, flags = steady(limits, CALM, np.array([0, 0, force, torque, 0, 0]))
    assert twist[3] == pytest.approx(-back)
    assert flags & Intervention.BUDGET


@pytest.mark.parametrize(
    ("budget", "repeat"), [(1e4, 1), (800.0, 1), (400.0, 2), (200.0, 4), (60.0, 15), (16.0, 20)]
)
def test_an_action_is_kept_while_a_budget_slows_it(budget, repeat):
    limits = dataclasses.replace(OFF, force_budget_n=budget)
    # (7.2 kN/(m/s) x 0.05 m/s + 0.7 kN/(rad/s) x 0.05 rad/s) / 0.45 B
    assert limits.action_repeat(DT) == repeat
    assert dataclasses.replace(limits, max_linear_speed_mps=0.001).action_repeat(DT) <= 6


def test_retreat_stays_free():
    up = [0, 0, 0.05, 0, 0, 0]
    assert steady(KEPT, up)[0][2] == pytest.approx(0.05)
    assert steady(KEPT, up, np.array([0, 0, 55.0, 0, 0, 0]))[0][2] == pytest.approx(0.05)


def test_above_the_touch_height_only_braking_limits():
    high = dataclasses.replace(KEPT, touch_height_m=0.035)
    down = [0, 0, -0.05, 0, 0, 0]
    assert steady(high, down, position=(0, 0, 0.1))[0][2] == pytest.approx(-0.05)
    assert steady(high, down, position=(0, 0, 0.035))[0][2] == pytest.approx(-FREE)


def test_it_has_braked_where_pieces_may_touch():
    high, z = dataclasses.replace(KEPT, touch_height_m=0.035), 0.05
    state = GovernorState.rest()
    while z > 0.035:
        state = govern(high, state, [0, 0, -0.05, 0, 0, 0], CALM, (0, 0, z), DT).state
        z += state.twist[2] * DT
    assert -state.twist[2] < 1.15 * FREE


@pytest.mark.parametrize(("felt", "share"), [(0.0, 1.0), (13.5, 0.25), (27.0, 0.0), (54.0, -0.5)])
def test_pressing_shrinks_to_nothing_at_half(felt, share):
    twist, _ = steady(KEPT, [0, 0, -0.05, 0, 0, 0], np.array([0, 0, felt, 0, 0, 0]))
    assert twist[2] == pytest.approx(-share * FREE, abs=1e-12)


def test_pressing_stops_at_once():
    driving = GovernorState((0.0, 0.0, -FREE, 0.0, 0.0, 0.0), False)
    wrench = np.array([0, 0, 60.0, 0, 0, 0])
    slow = dataclasses.replace(KEPT, max_linear_acceleration_mps2=0.01)
    assert govern(slow, driving, [0, 0, -0.05, 0, 0, 0], wrench, HERE, DT).state.twist[2] > 0.0


@pytest.mark.parametrize(("felt", "left"), [(21.6, 32.4), (43.2, 10.8), (54.0, 0.0), (70.0, 0.0)])
def test_a_second_contact_has_what_the_first_leaves(felt, left):
    wrench = np.array([0, 0, felt, 0, 0, 0])
    across, _ = steady(KEPT, [0.05, 0, 0, 0, 0, 0], wrench)
    assert IMPEDANCE * across[0] == pytest.approx(left, abs=1e-9)
    turn, _ = steady(KEPT, [0, 0, 0, 0, 0.05, 0], wrench)
    assert TURNING * turn[4] == pytest.approx(left, abs=1e-9)
    both, _ = steady(KEPT, [0.05, 0, 0, 0, 0.05, 0], wrench)
    assert IMPEDANCE * both[0] + TURNING * both[4] == pytest.approx(left, abs=1e-9)


def test_a_torque_budget_bounds_the_turn_into_it():
    kept = dataclasses.replace(OFF, torque_budget_nm=2.0, soft_torque_nm=40.0)
    for felt, share in ((0.9, 0.5), (1.8, 0.0), (2.7, -0.5)):
        twist, _ = steady(kept, [0, 0, 0, 0, 0, 0.05], np.array([0, 0, 0, 0, 0, -felt]))
        assert twist[5] == pytest.approx(share * 1.8 / (TURNING * 0.05))


@pytest.mark.parametrize("delay_s", [0.0, 0.012, 0.024])
@pytest.mark.parametrize(
    ("mass", "contact", "drives", "damping_ratio"),
    [(80.0, 2.65e5, 1e5, 1.0), (20.0, 2.65e5, 1e5, 0.7), (8.0, 1.26e5, 1e4, 1.0)],
)
@pytest.mark.parametrize("budget", [40.0, 120.0])
def test_a_servoed_mass_on_a_spring_stays_within(
    budget, mass, contact, drives, damping_ratio, delay_s
):
    limits = dataclasses.replace(
        OFF,
        force_budget_n=budget,
        contact_mass_kg=mass,
        contact_stiffness_n_per_m=contact,
        pressing_stiffness_n_per_m=contact * drives / (contact + drives),
        soft_force_n=200.0,
    )
    peak = peak_of_a_hit(
        limits,
        DOWN,
        np.array([0, 0, 1.0, 0, 0, 0]),
        1.0,
        mass,
        contact,
        drives,
        damping_ratio,
        start=-0.002,
        delay_s=delay_s,
    )
    assert 0.35 * budget < peak <= budget


@pytest.mark.parametrize("lever_m", [0.01, 0.03, 0.05])
@pytest.mark.parametrize(
    ("mass", "contact", "drives", "damping_ratio"),
    [(80.0, 2.65e5, 5e3, 1.0), (20.0, 2.65e5, 5e3, 1.0), (8.0, 1.26e5, 1e3, 1.0)],
)
@pytest.mark.parametrize("budget", [40.0, 120.0])
def test_a_servoed_turn_onto_a_spring_stays_within(
    budget, mass, contact, drives, damping_ratio, lever_m
):
    limits = dataclasses.replace(
        OFF,
        force_budget_n=budget,
        contact_mass_kg=mass,
        contact_stiffness_n_per_m=contact,
        max_angular_speed_radps=0.5,
        soft_force_n=200.0,
    )
    peak = peak_of_a_hit(
        limits,
        [0, 0, 0, 0, 0.5, 0],
        np.array([0, 0, 1.0, 0, -lever_m, 0]),
        lever_m,
        mass * lever_m**2,
        contact,
        drives,
        damping_ratio,
        start=-0.02,
        delay_s=0.024,
    )
    assert 0.1 * budget < peak <= budget


def test_a_budget_that_cannot_be_kept_names_the_least():
    least = IMPEDANCE * 0.002 / 0.9
    with pytest.raises(ConfigurationError, match=r"force_budget_n: expected at least 15\.98 N"):
        dataclasses.replace(OFF, force_budget_n=5.0).check_budget(DT)
    with pytest.raises(ConfigurationError, match=r"torque_budget_nm: expected at least 0\.8"):
        dataclasses.replace(OFF, torque_budget_nm=0.1).check_budget(DT)
    dataclasses.replace(OFF, force_budget_n=1.01 * least).check_budget(DT)
    OFF.check_budget(DT)


def test_a_higher_budget_than_trained_is_looser():
    contract = PolicyContract("lap_joint", (0.05,) * 6, 0.06, governor=KEPT)
    for budget, kind in ((120.0, "looser"), (30.0, "tighter")):
        found = compare_limits(contract, dataclasses.replace(KEPT, force_budget_n=budget))
        assert len(getattr(found, kind)) == 1
    assert not any(compare_limits(contract, dataclasses.replace(KEPT, contact_mass_kg=30.0)))


def test_limits_of_an_older_bag_have_no_budget():
    texts = {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in dataclasses.asdict(OFF).items()
        if not name.startswith(("force_budget", "torque_budget", "contact_", "pressing_"))
    }
    assert "contact_mass_kg" in limits_to_json(OFF)
    assert recorded_limits(texts) == OFF
