from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from poses import corners

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, quaternion_from_rotation_vector, rotation_vector_from_quaternion
from der_ros.tasks.lap_joint import SECTION_M, LapJoint


def overlap(a, b, shift=(0.0, 0.0, 0.0)):
    """Return the edge lengths of the intersection of two boxes, negative for a gap."""
    (a0, a1), (b0, b1) = corners(a), corners(b)
    return np.minimum(a1, b1 + shift) - np.maximum(a0, b0 + shift)


def overlaps(task, shift):
    return any(
        overlap(ground, held, shift).min() > 1e-9
        for held, ground in itertools.product(task.held.parts, task.ground.parts)
    )


@pytest.mark.parametrize("clearance", [0.0002, 0.001, 0.005])
def test_assembled_pieces_have_half_the_play_a_side(clearance):
    task = LapJoint(clearance_m=clearance)
    assert not overlaps(task, (0, 0, 0))
    assert overlaps(task, (0, 0, -1e-6))
    for axis in (0, 1):
        for sign in (-1, 1):
            shift = np.zeros(3)
            shift[axis] = sign * (clearance / 2 - 1e-6)
            assert not overlaps(task, shift)
            shift[axis] = sign * (clearance / 2 + 1e-6)
            assert overlaps(task, shift)


def test_assembled_pieces_are_flush():
    task = LapJoint()
    for piece in (task.held, task.ground):
        low = min(corners(part)[0][2] for part in piece.parts)
        high = max(corners(part)[1][2] for part in piece.parts)
        assert (low, high) == pytest.approx((-SECTION_M / 2, SECTION_M / 2))


def test_parts_of_a_piece_do_not_overlap():
    for piece in (LapJoint().held, LapJoint().ground):
        for a, b in itertools.combinations(piece.parts, 2):
            assert overlap(a, b).min() < 1e-12


def test_held_timber_lies_along_y_with_spruces_mass():
    task = LapJoint(timber_length_m=0.2)
    ends = [corners(part) for part in task.held.parts]
    assert max(end[1][1] for end in ends) == pytest.approx(0.1)
    assert max(end[1][0] for end in ends) == pytest.approx(SECTION_M / 2)
    notch = (SECTION_M + 0.001) * SECTION_M * SECTION_M / 2
    assert task.held.mass_kg == pytest.approx(500 * (0.2 * SECTION_M**2 - notch))


def test_initial_states_fill_the_papers_ranges():
    task = LapJoint()
    rng = np.random.default_rng(0)
    grounds = [task.sample_initial_state(rng).ground for _ in range(2000)]
    positions = np.array([ground.position for ground in grounds])
    yaws = np.array([rotation_vector_from_quaternion(ground.quaternion) for ground in grounds])
    assert np.abs(positions[:, :2]).max() <= 0.002
    assert positions[:, :2].std(axis=0) == pytest.approx(np.full(2, 0.004 / math.sqrt(12)), rel=0.1)
    assert (positions[:, 2] == 0).all()
    assert (yaws[:, :2] == 0).all()
    assert yaws[:, 2].min() >= math.radians(-2)
    assert yaws[:, 2].max() <= 0
    assert yaws[:, 2].mean() == pytest.approx(math.radians(-1), rel=0.1)


def test_the_start_is_clear_of_the_ground_piece():
    task = LapJoint()
    assert task.start_pose.position[2] > SECTION_M
    assert task.inside_workspace(task.start_pose, 0.001)
    assert task.inside_workspace(task.retract_pose_near(task.start_pose), 0.001)


def test_the_same_generator_draws_the_same_start():
    task = LapJoint()
    first, again, other = (
        task.sample_initial_state(np.random.default_rng(seed)).ground.position for seed in (5, 5, 6)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_seated_implies_success_anywhere():
    task = LapJoint()
    rng = np.random.default_rng(1)
    for _ in range(200):
        initial = task.sample_initial_state(rng)
        goal = task.goal_pose(initial)
        play = rng.uniform(-0.0005, 0.0005, 2)
        shift = np.array((play[0], play[1], 0.8 * task.epsilon_m))
        where = Pose(goal.position + shift, goal.quaternion)
        assert task.is_seated(where)
        assert task.success(where, goal)


@pytest.mark.parametrize(
    ("position", "yaw"),
    [((0, 0, SECTION_M / 2), 0), ((0, 0, SECTION_M), 0), ((0.01, 0, 0), 0), ((0, 0, 0), 0.2)],
)
def test_a_piece_on_top_or_elsewhere_is_not_seated(position, yaw):
    where = Pose(np.array(position), quaternion_from_rotation_vector((0, 0, yaw)))
    assert not LapJoint().is_seated(where)


@pytest.mark.parametrize("clearance", [-0.001, 0.0, 0.0001, 0.0051, math.nan])
def test_clearance_outside_its_range_is_refused(clearance):
    with pytest.raises(ConfigurationError, match=r"clearance_m: .*\[0.0002, 0.005\], got"):
        LapJoint(clearance_m=clearance)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ground_yaw_range_rad": (0.0, -0.1)}, r"ground_yaw_range_rad\[1\]"),
        ({"start_height_m": 0.02}, "start_height_m"),
        ({"friction": -1.0}, "friction"),
        ({"timber_length_m": 0.01}, "timber_length_m"),
        ({"ground_offset_m": 0.5}, "ground_offset_m"),
    ],
)
def test_other_options_out_of_range_are_refused(options, told):
    with pytest.raises(ConfigurationError, match=told):
        LapJoint(**options)
