import math

import numpy as np
import pytest

from der_ros.control.seating import SeatingLimits
from der_ros.geometry import Pose
from der_ros.policy.home import GroundContact, HomeLimits, Pressing


def at(height_m):
    return Pose(np.array((0.0, 0.0, height_m)), np.array((0.0, 0.0, 0.0, 1.0)))


@pytest.fixture
def contact():
    return GroundContact(HomeLimits(felt_n=4.0, hold_s=0.2))


def test_a_force_that_stays_at_rest_is_the_ground(contact):
    assert not contact.feels(0.0, at(0.0), 0.0)
    assert not contact.feels(0.1, at(0.0), 8.0)
    assert contact.feels(0.2, at(0.0), 10.0)
    assert contact.force_n == pytest.approx(9.0)


def test_a_knock_is_not_the_ground(contact):
    assert not contact.feels(0.0, at(0.0), 0.0)
    assert not contact.feels(0.1, at(0.0), 300.0)
    assert not contact.feels(0.15, at(0.0), 0.0)
    assert not contact.feels(0.3, at(0.0), 10.0)


def test_a_force_in_motion_is_not_the_ground(contact):
    heights = np.linspace(0.01, 0.0, 40)
    felt = [contact.feels(0.05 * i, at(z), 10.0) for i, z in enumerate(heights)]
    assert not any(felt)


def test_friction_while_it_creeps_is_not_the_ground(contact):
    creep_mps = SeatingLimits().creep_mps
    heights = (0.001 - 0.02 * i * creep_mps for i in range(100))
    assert not any(contact.feels(0.02 * i, at(z), 8.0) for i, z in enumerate(heights))


@pytest.mark.parametrize("force_n", [math.nan, math.inf, -20.0])
def test_no_number_and_no_pull_is_the_ground(contact, force_n):
    assert not any(contact.feels(0.1 * i, at(0.0), force_n) for i in range(20))


def test_pressing_forgets_a_knock_and_keeps_a_push():
    knock, push = Pressing(), Pressing()
    for i in range(200):
        knock.add(0.01 * i, 300.0 if i == 20 else 0.0)
        push.add(0.01 * i, 20.0 if i != 50 else math.nan)
    assert knock.force_n < 1.0
    assert push.force_n == pytest.approx(20.0, rel=0.05)
