"""Touches of a ground piece: what they find, and what ends them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from touching_rig import (
    SpringCell,
    cell,
    felt_mass_kg,
    limits_of,
    touch,
    touch_spring,
)

from der_ros.control.contact.fit import ContactFitError, fit_contact
from der_ros.control.contact.touching import ContactTouching, TouchingPlan
from der_ros.errors import ConfigurationError
from der_ros.sim.robots import find_robot


def fitted(touching):
    return fit_contact(touching.presses, touching.touches, np.random.default_rng(0))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("robot", ["kr60", "iiwa"])
def test_touches_find_the_contact_of_a_cell(robot, scale):
    compliance, limits = cell(robot, scale), limits_of(robot)
    touching = ContactTouching(TouchingPlan())
    touch(touching, robot, compliance)
    found = fitted(touching)
    impact = compliance.stiffness_n_per_m
    pressing = 1.0 / (1.0 / impact + 1.0 / find_robot(robot).servo.stiffness_n_per_m)
    assert found.mass_kg.value == pytest.approx(felt_mass_kg(robot, compliance), rel=0.15)
    assert found.stiffness_n_per_m.value == pytest.approx(impact, rel=0.15)
    assert found.pressing_n_per_m.value == pytest.approx(pressing, rel=0.15)
    assert found.peak_share(limits.reaction_delay_s) < 1.0
    assert (len(found.peaks), found.presses) == (8, 3)


def test_touches_find_what_the_kr60s_cell_is_set_to():
    limits = limits_of("kr60")
    touching = ContactTouching(TouchingPlan())
    touch(touching, "kr60", cell("kr60"))
    found = fitted(touching).limits(limits.reaction_delay_s)
    for name in ("contact_mass_kg", "contact_stiffness_n_per_m", "pressing_stiffness_n_per_m"):
        assert getattr(found, name) == pytest.approx(getattr(limits, name), rel=0.15), name


@pytest.mark.parametrize("late_cycles", [0, 2])
@pytest.mark.parametrize("mass_kg", [20.0, 60.0])
def test_a_mass_on_a_spring_is_found(mass_kg, late_cycles):
    touching = ContactTouching(TouchingPlan())
    touch_spring(touching, SpringCell(mass_kg, 2e5), late_cycles=late_cycles)
    found = fitted(touching)
    assert found.mass_kg.value == pytest.approx(mass_kg, rel=0.1)
    assert found.stiffness_n_per_m.value == pytest.approx(2e5, rel=0.05)
    assert found.mass_kg.low < found.mass_kg.value < found.mass_kg.high


def test_late_stamps_do_not_matter():
    random = np.random.default_rng(1)
    touching = ContactTouching(TouchingPlan())

    def late(sample):
        return sample._replace(time_s=sample.time_s + abs(random.normal(scale=0.002)))

    touch_spring(touching, SpringCell(60.0, 2e5), change=late)
    assert fitted(touching).mass_kg.value == pytest.approx(60.0, rel=0.1)


def test_drives_that_do_not_give_way_in_a_press():
    touching = ContactTouching(TouchingPlan(press_speed_mps=0.0002))
    touch_spring(touching, SpringCell(60.0, 2e5, 4e5, integral_per_s=20.0))
    found = fitted(touching)
    assert found.pressing_n_per_m.value > 0.97 * found.stiffness_n_per_m.value
    assert found.mass_kg.value == pytest.approx(60.0, rel=0.25)


def test_the_procedure_ends_where_it_began():
    seen = []
    touching = ContactTouching(TouchingPlan(rounds=1))
    touch_spring(touching, SpringCell(60.0, 2e5), change=lambda each: seen.append(each) or each)
    assert math.dist(seen[-1].pose.position, seen[0].pose.position) < 0.001
    assert max(each.force_n for each in seen) < 150.0


def hanging(sample):
    """Return the sample without the ground's force."""
    return sample._replace(force_n=0.0, peak_n=0.0)


def jumping(sample):
    if sample.time_s < 1.0:
        return sample
    return sample._replace(pose=sample.pose.moved(np.array((0.0, 0.01, 0.0)), np.zeros(3)))


@pytest.mark.parametrize(
    ("plan", "change", "expected"),
    [
        ({"travel_m": 0.003}, hanging, "search: expected 3 N, got 0.0 N"),
        ({}, jumping, "jumped by 10.0 mm"),
        ({}, lambda each: each._replace(force_n=math.nan), "finite"),
        ({"most_force_n": 30.0}, lambda each: each, "lower fastest_mps"),
        ({"patience_s": 5.0}, lambda each: each, "within 5 s, still: press"),
    ],
)
def test_what_ends_the_procedure(plan, change, expected):
    touching = ContactTouching(TouchingPlan(**plan))
    with pytest.raises(ContactFitError, match=expected):
        touch_spring(touching, SpringCell(80.0, 4e5), change=change)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"fastest_mps": 0.04}, "max_linear_speed_mps of the robot"),
        ({"press_force_n": 17.0}, "0.8 soft_force_n"),
        ({"most_force_n": 501.0}, "hard_force_n"),
        ({"touch_force_n": 16.0}, "each larger"),
    ],
)
def test_a_plan_beyond_the_robots_limits_is_refused(plan, expected):
    limits = replace(limits_of("kr60"), soft_force_n=20.0)
    TouchingPlan().check(limits)
    with pytest.raises(ConfigurationError, match=expected):
        TouchingPlan(**plan).check(limits)
