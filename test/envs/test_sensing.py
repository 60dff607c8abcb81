from __future__ import annotations

import numpy as np
import pytest

from der_ros.envs.conditions import Conditions, draw_conditions
from der_ros.envs.randomization import Randomization
from der_ros.envs.sensing import SimulatedSensing
from der_ros.geometry import Pose, Twist, Wrench, quaternion_from_rotation_vector
from der_ros.policy.observation import wrench_at_held_piece
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, LapJoint

SENSOR = Pose(np.array((0.01, -0.02, 0.12)), quaternion_from_rotation_vector((0.3, 0.2, 0.5)))


# Offset in both directions: the timbers' ends touch 35 mm above the seated height.
OFF_BY = Pose(np.array((0.003, 0.003, 0.0)), np.array((0.0, 0.0, 0.0, 1.0)))


@pytest.fixture(scope="module")
def world():
    with AssemblyWorld(LapJoint(tcp_from_sensor=SENSOR)) as opened:
        yield opened


def at_start(world):
    world.reset(InitialState(world.task.start_pose, Pose.identity()))


def test_it_is_the_robots_computation_in_other_words(world):
    """The result equals the policy's function applied to the unbiased sensor reading."""
    at_start(world)
    sensing = SimulatedSensing(world, Randomization(), 0.012)
    bias = world.sensor_wrench()
    assert sensing.start_episode(Conditions()) == pytest.approx((0.0,) * 6, abs=1e-12)
    twist = Twist(np.array((0.02, 0.01, -0.05)), np.array((0.05, 0.03, -0.04)))
    for _ in range(60):
        world.advance(twist, 6)
        expected = wrench_at_held_piece(world.sensor_wrench() - bias, world.held_pose(), SENSOR)
        assert sensing.wrench() == pytest.approx(expected.to_array(), abs=1e-9)
    assert np.linalg.norm(expected.force) > 20.0


def test_noise_has_the_spread_that_was_asked_for(world):
    at_start(world)
    noise = Randomization(force_noise_std_n=0.5, torque_noise_std_nm=0.05)
    sensing = SimulatedSensing(world, noise, 0.012)
    sensing.start_episode(Conditions(noise_seeds=(1, 2, 3)))
    sensing.expect_readings(3000)
    readings = np.array([sensing.wrench() for _ in range(3000)])
    assert readings[:, :3].std(axis=0) == pytest.approx(np.full(3, 0.5), rel=0.06)
    assert readings.mean(axis=0) == pytest.approx(np.zeros(6), abs=0.05)
    # Force noise adds torque noise at the TCP, by the sensor's lever, but not at the sensor.
    lever = SENSOR.position
    about_sensor = readings[:, 3:] - np.cross(lever, readings[:, :3])
    assert about_sensor.std(axis=0) == pytest.approx(np.full(3, 0.05), rel=0.06)


def test_the_bias_error_is_constant_in_an_episode(world):
    at_start(world)
    bias = Randomization(force_bias_std_n=2.0, torque_bias_std_nm=0.2)
    sensing = SimulatedSensing(world, bias, 0.012)
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(300):
        conditions = draw_conditions(bias, rng)
        first = sensing.start_episode(conditions)
        assert sensing.wrench() == first
        lever = np.cross(SENSOR.position, first[:3])
        about_sensor = SENSOR.rotation.T @ np.array((first[:3], first[3:] - lever)).T
        assert about_sensor.T.ravel() == pytest.approx(conditions.bias_error, abs=1e-9)
        errors.append(first[:3])
    assert np.std(errors, axis=0) == pytest.approx(np.full(3, 2.0), rel=0.15)


def test_measured_poses_spread_and_true_ones_do_not(world):
    at_start(world)
    pose = world.held_pose()
    quiet = SimulatedSensing(world, Randomization(), 0.012)
    quiet.start_episode(Conditions())
    assert quiet.measured_pose().position.tobytes() == pose.position.tobytes()
    noise = Randomization(position_noise_std_m=0.001, rotation_noise_std_rad=0.002)
    sensing = SimulatedSensing(world, noise, 0.012)
    sensing.start_episode(Conditions(noise_seeds=(1, 2, 3)))
    measured = [sensing.measured_pose() for _ in range(1000)]
    offsets = np.array([m.position - pose.position for m in measured])
    turns = np.array([2.0 * m.quaternion[:3] for m in measured])
    assert offsets.std(axis=0) == pytest.approx(np.full(3, 0.001), rel=0.1)
    assert turns.std(axis=0) == pytest.approx(np.full(3, 0.002), rel=0.1)


DOWN, UP, REST = (0.0, 0.0, -0.03, 0, 0, 0), (0.0, 0.0, 0.03, 0, 0, 0), (0.0,) * 6


def heights(sensing, world, twists):
    """Return true and measured heights after each tick."""
    rows = []
    for twist in twists:
        sensing.drive(twist, 3)
        sensing.wrench()
        rows.append((world.held_position()[2], float(sensing.measured_pose().position[2])))
    return np.array(rows)


@pytest.mark.parametrize(("latency_s", "ticks"), [(0.0, 0), (0.005, 0), (0.0121, 1), (0.034, 3)])
def test_a_pose_is_as_old_as_it_should_be(world, latency_s, ticks):
    at_start(world)
    sensing = SimulatedSensing(world, Randomization(), 0.012)
    sensing.start_episode(Conditions(pose_latency_s=latency_s))
    rows = heights(sensing, world, [DOWN] * 12)
    assert rows[ticks:, 1].tolist() == rows[: 12 - ticks, 0].tolist()


def test_a_command_acts_as_late_as_it_should(world):
    at_start(world)
    prompt = SimulatedSensing(world, Randomization(), 0.012)
    prompt.start_episode(Conditions())
    now = heights(prompt, world, [DOWN] * 6 + [UP] * 6)[:, 0]
    at_start(world)
    late = SimulatedSensing(world, Randomization(), 0.012)
    late.start_episode(Conditions(command_latency_s=0.024))
    then = heights(late, world, [DOWN] * 6 + [UP] * 8)[:, 0]
    assert then[:2] == pytest.approx([world.task.start_pose.position[2]] * 2, abs=1e-9)
    assert then[2:] == pytest.approx(now, abs=1e-9)


def test_only_the_wrench_is_delayed(world):
    readings = []
    for latency_s in (0.0, 0.024):
        world.reset(InitialState(Pose(np.array((0, 0, 0.0355)), np.array((0, 0, 0, 1))), OFF_BY))
        sensing = SimulatedSensing(world, Randomization(), 0.012)
        rows = [sensing.start_episode(Conditions(wrench_latency_s=latency_s))]
        for _ in range(12):
            sensing.drive(DOWN, 3)
            rows.append(sensing.wrench())
            assert sensing.position() == world.held_position()
        readings.append(rows)
    prompt, late = readings
    assert prompt[-1][2] > 10.0
    assert late[2:] == prompt[:-2]


def test_the_governor_feels_what_passes_at_rest(world):
    """An error of 6 N and 0.4 Nm is seen at rest; 2 N and 0.1 Nm of it remain."""
    at_start(world)
    sensing = SimulatedSensing(world, Randomization(), 0.012)
    sensing.start_episode(Conditions(bias_error=(0.0, 6.0, 0.0, 0.0, 0.0, -0.4)))
    world.advance(Twist(np.zeros(3), np.array((0.0, 0.1, 0.05))), 30)
    wrench = sensing.wrench()
    taken_off = np.array(wrench) - sensing.for_governor(wrench)
    seen = Wrench(np.array((0.0, 4.0, 0.0)), np.array((0.0, 0.0, -0.3)))
    expected = wrench_at_held_piece(seen, world.held_pose(), SENSOR)
    assert taken_off == pytest.approx(expected.to_array(), abs=1e-9)


def test_a_small_bias_error_reaches_the_governor(world):
    at_start(world)
    sensing = SimulatedSensing(world, Randomization(), 0.012)
    wrench = sensing.start_episode(Conditions(bias_error=(0.0, 2.0, 0.0, 0.0, 0.0, -0.1)))
    assert sensing.for_governor(wrench) == wrench
