from __future__ import annotations

import numpy as np
import pytest

from der_ros.envs.randomization import Randomization
from der_ros.envs.sensing import SimulatedSensing
from der_ros.geometry import Pose, Twist, quaternion_from_rotation_vector
from der_ros.policy.observation import wrench_at_held_piece
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, LapJoint

SENSOR = Pose(np.array((0.01, -0.02, 0.12)), quaternion_from_rotation_vector((0.3, 0.2, 0.5)))


@pytest.fixture(scope="module")
def world():
    with AssemblyWorld(LapJoint(tcp_from_sensor=SENSOR)) as opened:
        yield opened


def at_start(world):
    world.reset(InitialState(world.task.start_pose, Pose.identity()))


def test_it_is_the_robots_computation_in_other_words(world):
    """Same as removing the bias from the sensor's reading and using the policy's function."""
    at_start(world)
    sensing = SimulatedSensing(world, Randomization())
    bias = world.sensor_wrench()
    sensing.start_episode(np.random.default_rng(0))
    assert sensing.wrench() == pytest.approx((0.0,) * 6, abs=1e-12)
    twist = Twist(np.array((0.02, 0.01, -0.05)), np.array((0.05, 0.03, -0.04)))
    for _ in range(60):
        world.advance(twist, 6)
        expected = wrench_at_held_piece(world.sensor_wrench() - bias, world.held_pose(), SENSOR)
        assert sensing.wrench() == pytest.approx(expected.to_array(), abs=1e-9)
    assert np.linalg.norm(expected.force) > 20.0


def test_noise_has_the_spread_that_was_asked_for(world):
    at_start(world)
    noise = Randomization(force_noise_std_n=0.5, torque_noise_std_nm=0.05)
    sensing = SimulatedSensing(world, noise)
    sensing.start_episode(np.random.default_rng(1))
    readings = np.array([sensing.wrench() for _ in range(3000)])
    assert readings[:, :3].std(axis=0) == pytest.approx(np.full(3, 0.5), rel=0.06)
    assert readings.mean(axis=0) == pytest.approx(np.zeros(6), abs=0.05)
    # About the tcp, a force's noise adds by the sensor's lever; about the sensor it does not.
    lever = SENSOR.position
    about_sensor = readings[:, 3:] - np.cross(lever, readings[:, :3])
    assert about_sensor.std(axis=0) == pytest.approx(np.full(3, 0.05), rel=0.06)


def test_the_bias_error_stays_for_the_episode_and_changes_with_the_next(world):
    at_start(world)
    sensing = SimulatedSensing(world, Randomization(force_bias_std_n=2.0, torque_bias_std_nm=0.2))
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(300):
        sensing.start_episode(rng)
        assert sensing.wrench() == sensing.wrench()
        errors.append(sensing.wrench()[:3])
    assert np.std(errors, axis=0) == pytest.approx(np.full(3, 2.0), rel=0.15)


def test_measured_poses_spread_and_true_ones_do_not(world):
    pose = world.task.start_pose
    assert SimulatedSensing(world, Randomization()).measured(pose) is pose
    noise = Randomization(position_noise_std_m=0.001, rotation_noise_std_rad=0.002)
    sensing = SimulatedSensing(world, noise)
    measured = [sensing.measured(pose) for _ in range(1000)]
    offsets = np.array([m.position - pose.position for m in measured])
    turns = np.array([2.0 * m.quaternion[:3] for m in measured])
    assert offsets.std(axis=0) == pytest.approx(np.full(3, 0.001), rel=0.1)
    assert turns.std(axis=0) == pytest.approx(np.full(3, 0.002), rel=0.1)
