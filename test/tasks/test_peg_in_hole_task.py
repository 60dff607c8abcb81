from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from poses import corners, pose

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, angle_between, quaternion_from_rotation_vector
from der_ros.tasks import Box, Frustum
from der_ros.tasks.peg_in_hole import HOLE_DEPTH_M, HOLE_SIDES, PEG_WIDTH_M, PegInHole

# -- the pieces ----------------------------------------------------------------------------------


@pytest.mark.parametrize("clearance", [0.0002, 0.0012, 0.005])
def test_the_hole_has_half_the_play_on_each_side(clearance):
    task = PegInHole(clearance_m=clearance)
    hole = 0.5 * (PEG_WIDTH_M + clearance)
    *walls, board = (corners(part) for part in task.ground.parts)
    assert board[1][2] == 0.0
    for low, high in walls:
        assert (low[2], high[2]) == pytest.approx((0.0, HOLE_DEPTH_M))

    def solid(x, y):
        return any(((x, y) >= low[:2]).all() and ((x, y) <= high[:2]).all() for low, high in walls)

    inside, outside = hole - 1e-6, hole + 1e-6
    for across in np.linspace(-hole + 1e-6, hole - 1e-6, 9):
        for side in (-1, 1):
            assert not solid(side * inside, across)
            assert not solid(across, side * inside)
            assert solid(side * outside, across)
            assert solid(across, side * outside)
    assert all(solid(x, y) for x, y in itertools.product((-0.049, 0.049), repeat=2))


def test_the_peg_has_a_shaft_and_a_45_degree_tip():
    task = PegInHole(chamfer_m=0.004, peg_length_m=0.08)
    shaft, tip = task.held.parts
    assert isinstance(shaft, Box)
    assert isinstance(tip, Frustum)
    low, high = corners(shaft)
    assert (low[2], high[2]) == pytest.approx((0.004, 0.08))
    assert high[:2] - low[:2] == pytest.approx((PEG_WIDTH_M, PEG_WIDTH_M))
    lower, upper = tip.sections()
    assert lower[:, 2] == pytest.approx(np.zeros(4))
    assert upper[:, 2] == pytest.approx(np.full(4, 0.004))
    assert np.abs(upper[:, :2]) == pytest.approx(np.full((4, 2), PEG_WIDTH_M / 2))
    assert np.abs(lower[:, :2]) == pytest.approx(np.full((4, 2), PEG_WIDTH_M / 2 - 0.004))
    volume = shaft.mass_properties.volume_m3 + tip.mass_properties.volume_m3
    assert task.held.mass_kg == pytest.approx(500 * volume)
    assert task.held.center_of_mass[:2] == (0.0, 0.0)


@pytest.mark.parametrize("clearance", [0.0002, 0.0012, 0.005])
def test_the_round_hole_is_a_polygon_around_its_circle(clearance):
    task = PegInHole(shape="round", clearance_m=clearance)
    radius, half_turn = 0.5 * (PEG_WIDTH_M + clearance), math.pi / HOLE_SIDES
    *wedges, _ = task.ground.parts
    assert len(wedges) == HOLE_SIDES
    for side, wedge in enumerate(wedges):
        lower, upper = wedge.sections()
        assert set(lower[:, 2]) == {0.0}
        assert upper[:, 2] == pytest.approx(np.full(4, HOLE_DEPTH_M))
        along = np.array((math.cos(2 * side * half_turn), math.sin(2 * side * half_turn)))
        assert np.sort(lower[:, :2] @ along) == pytest.approx([radius] * 2 + [0.05] * 2)
        corners = np.sort(np.hypot(*lower[:, :2].T))
        assert corners[:2] == pytest.approx([radius / math.cos(half_turn)] * 2)


def test_the_round_peg_has_the_width_of_the_square_one():
    task = PegInHole(shape="round")
    half = PEG_WIDTH_M / 2
    assert task.held.parts[0].profile == ((0.0, half - 0.001), (0.001, half), (0.1, half))
    assert PegInHole(shape="round", chamfer_m=0.005).tip_height_m == 0.005
    assert PegInHole().tip_height_m == 0.005


# -- start poses ---------------------------------------------------------------------------------


def test_only_the_pegs_yaw_differs_between_starts():
    task = PegInHole()
    rng = np.random.default_rng(0)
    states = [task.sample_initial_state(rng) for _ in range(4000)]
    yaws = []
    for state in states:
        assert state.held.position.tolist() == [0.0, 0.0, 0.04]
        assert state.ground.position.tolist() == [0.0, 0.0, 0.0]
        assert state.ground.quaternion.tolist() == [0.0, 0.0, 0.0, 1.0]
        x, y, z, w = state.held.quaternion.tolist()
        assert (x, y) == (0.0, 0.0)
        assert w >= 0.0
        assert task.tilt(state.held) == 0.0
        assert task.inside_workspace(state.held, 0.001)
        yaws.append(2.0 * math.atan2(z, w) % (2.0 * math.pi))
    counts, _ = np.histogram(yaws, bins=8, range=(0.0, 2.0 * math.pi))
    assert counts.sum() == 4000
    assert counts == pytest.approx(np.full(8, 500), abs=5 * math.sqrt(500))


def test_the_round_hole_is_within_five_millimetres():
    rng = np.random.default_rng(0)
    places = [
        PegInHole(shape="round").sample_initial_state(rng).ground.position for _ in range(500)
    ]
    assert np.abs(places).max(axis=0) == pytest.approx((0.005, 0.005, 0.0), abs=1e-4)
    none = PegInHole(shape="round", ground_offset_m=0.0).sample_initial_state(rng)
    assert none.ground.position.tolist() == [0.0, 0.0, 0.0]


def test_start_and_retract_are_clear_of_the_plate():
    task = PegInHole()
    retracted = task.retract_pose_near(task.start_pose)
    assert retracted.position[2] > task.start_pose.position[2] > HOLE_DEPTH_M
    assert task.inside_workspace(task.start_pose, 0.001)
    assert task.inside_workspace(retracted, 0.001)


# -- four goals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", range(-4, 5))
@pytest.mark.parametrize("extra", [-0.7, -0.01, 0.0, 0.02, 0.75])
def test_a_quarter_turn_changes_nothing_that_is_judged(turns, extra):
    task, goal = PegInHole(), pose(0.001, 0.002, 0, (0, 0, 0.4))
    yaw = 0.4 + extra
    plain = pose(0.001, 0.002, 0.001, (0, 0, yaw))
    turned = pose(0.001, 0.002, 0.001, (0, 0, yaw + turns * math.pi / 2))
    assert task.angle(turned, goal) == pytest.approx(abs(extra), abs=1e-12)
    assert task.distance(turned, goal) == pytest.approx(0.001 + 0.05 * abs(extra))
    one, other = task.judge(plain, goal), task.judge(turned, goal)
    assert one == pytest.approx(other)
    assert other.success is task.success(turned, goal) is (0.001 + 0.05 * abs(extra) <= 0.005)
    assert task.reward(turned, goal) == other.reward
    nearest = task.nearest_goal(turned, goal)
    assert angle_between(turned.quaternion, nearest.quaternion) == pytest.approx(abs(extra))
    assert nearest.position.tolist() == goal.position.tolist()


def test_the_angle_is_to_the_best_of_four_goals():
    task, rng = PegInHole(), np.random.default_rng(3)
    for _ in range(300):
        here, goal = (Pose(np.zeros(3), q) for q in rng.standard_normal((2, 4)))
        four = [
            goal @ Pose(np.zeros(3), quaternion_from_rotation_vector((0, 0, k * math.pi / 2)))
            for k in range(4)
        ]
        expected = min(angle_between(here.quaternion, one.quaternion) for one in four)
        assert task.angle(here, goal) == pytest.approx(expected, abs=1e-9)
        nearest = task.nearest_goal(here, goal)
        assert angle_between(here.quaternion, nearest.quaternion) == pytest.approx(expected)


def test_of_a_round_peg_the_tilt_counts_and_no_yaw():
    task, rng = PegInHole(shape="round"), np.random.default_rng(3)
    goal = pose(0.001, 0.002, 0, (0.1, 0.0, 0.4))
    for _ in range(100):
        tilt, yaw = rng.uniform(0, 3), rng.uniform(-7, 7)
        turned = goal @ pose(rotation=(0, 0, yaw)) @ pose(rotation=(tilt, 0, 0))
        assert task.angle(turned, goal) == pytest.approx(tilt)
        nearest = task.nearest_goal(turned, goal)
        assert angle_between(turned.quaternion, nearest.quaternion) == pytest.approx(tilt)
        assert (nearest.rotation @ (0, 0, 1)) @ (goal.rotation @ (0, 0, 1)) == pytest.approx(1.0)
        assert nearest.position.tolist() == goal.position.tolist()


def test_reward_is_the_papers_for_this_task():
    task = PegInHole()
    assert task.reward(pose(z=0.002, rotation=(0, 0, math.pi)), pose()) == pytest.approx(999.998)
    assert task.reward(pose(z=0.02), pose()) == pytest.approx(-0.02)


@pytest.mark.parametrize(
    ("where", "seated"),
    [
        (pose(z=0.002), True),
        (pose(0.0006, -0.0006, 0.004, (0, 0, math.pi / 2)), True),
        (pose(z=0.0051), False),
        (pose(z=0.002, rotation=(0, 0, 0.2)), False),
        (pose(0.006, 0, 0), False),
        (pose(z=0.027, rotation=(0, 0, math.pi / 4)), False),
        (pose(z=HOLE_DEPTH_M), False),
    ],
)
def test_it_is_seated_in_each_of_four_turns(where, seated):
    assert PegInHole().is_seated(where) is seated


def test_tilt_is_limited_and_yaw_is_not():
    task = PegInHole()
    for yaw in np.linspace(0.0, 2.0 * math.pi, 13):
        turned = Pose(np.array((0, 0, 0.03)), quaternion_from_rotation_vector((0, 0, yaw)))
        assert task.inside_workspace(turned)
        for tilt, inside in ((0.34, True), (0.36, False)):
            tilted = turned.moved(np.zeros(3), np.array((tilt, 0.0, 0.0)))
            assert task.tilt(tilted) == pytest.approx(tilt)
            assert task.inside_workspace(tilted) is inside


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("clearance", [-0.001, 0.0, 0.0001, 0.0051, math.nan])
def test_clearance_outside_its_range_is_refused(clearance):
    with pytest.raises(ConfigurationError, match=r"clearance_m: .*\[0.0002, 0.005\], got"):
        PegInHole(clearance_m=clearance)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"start_yaw_range_rad": (1.0, 0.5)}, r"start_yaw_range_rad\[1\]"),
        (
            {"start_yaw_range_rad": (-4.0, 4.0)},
            "start_yaw_range_rad: expected at most 6",
        ),
        ({"chamfer_m": 0.0}, "chamfer_m"),
        ({"chamfer_m": 0.016}, "chamfer_m"),
        ({"peg_length_m": 0.03}, "peg_length_m"),
        ({"friction": -1.0}, "friction"),
        ({"shape": "hexagonal"}, "shape: expected one of square, round, got 'hexagonal'"),
        ({"start_height_m": 0.03}, "start_height_m"),
    ],
)
def test_other_options_out_of_range_are_refused(options, told):
    with pytest.raises(ConfigurationError, match=told):
        PegInHole(**options)
