"""The rebuilt verdict on a piece whose force or motion is near the limit."""

import numpy as np

from der_ros.geometry import Pose
from der_ros.offline_replay.verdict_replay import nearly
from der_ros.policy.home import GroundContact, HomeLimits


def felt_after(limits, forces):
    """Return the number of 10 ms readings until the ground counts as felt; None if never."""
    contact = GroundContact(limits)
    for number, force_n in enumerate(forces):
        if contact.feels(0.01 * number, Pose.identity(), force_n):
            return number
    return None


def test_a_force_near_the_limit_may_count_as_home():
    limits = HomeLimits()
    wavering = [limits.felt_n + 0.5, limits.felt_n - 0.2] * 50
    # The supervisor reads every second one and judges the piece seated; the bag has all of them.
    assert felt_after(limits, wavering[::2]) is not None
    assert felt_after(limits, wavering) is None
    assert felt_after(nearly(limits), wavering) is not None


def test_a_creep_of_an_older_bag_is_nearly_home():
    creep_m = 0.000012  # within 10 ms
    contact = GroundContact(nearly(HomeLimits()))
    heights = (0.001 - creep_m * number for number in range(30))
    piece = [Pose(np.array((0.0, 0.0, z)), np.array((0.0, 0.0, 0.0, 1.0))) for z in heights]
    assert any(contact.feels(0.01 * number, pose, 8.0) for number, pose in enumerate(piece))


def test_no_force_is_not_nearly_home():
    limits = HomeLimits()
    assert felt_after(nearly(limits), [0.4 * limits.felt_n] * 100) is None
