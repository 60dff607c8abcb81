"""A simulated cell for touches: physics, governor, noise of pose and sensor."""

from dataclasses import replace

import numpy as np
import pybullet

from der_ros.control.contact.touching import TouchSample
from der_ros.envs.governing import default_limits
from der_ros.geometry import Pose, Twist
from der_ros.policy.governor import GovernorState, govern
from der_ros.policy.observation import wrench_at_held_piece
from der_ros.sim.compliance import mounted
from der_ros.sim.robots import find_robot
from der_ros.sim.units import PER_KG, PER_M
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task

TASK = make_task("lap_joint")
CYCLE_S = 0.012
STEPS = 3
# Two crossed timbers, one beside the notch of the other, meet at 35 mm.
ABOVE_M = (0.003, 0.003, 0.040)
FORCE_NOISE_N, POSE_NOISE_M = 0.2, 1e-6


def cell(robot, scale=1.0):
    """Return the compliance of the robot's cell with the stiffness scaled."""
    structure = find_robot(robot).structure
    return mounted(structure, TASK.contact_stiffness_n_per_m).scaled(scale)


def limits_of(robot, **changes):
    """Return the limits of the robot for the lap joint."""
    return replace(default_limits(TASK, robot), **changes)


def run(touching, world, limits, seed=0):
    """Run the procedure to its end and return the number of cycles.

    As on the robot, the force of a cycle is the mean of its readings, bias removed.
    """
    random = np.random.default_rng(seed)
    world.reset(InitialState(Pose(np.array(ABOVE_M), Pose.identity().quaternion), Pose.identity()))
    world.advance(Twist.zero(), 50)
    bias, state, sent, cycle = world.sensor_wrench(), GovernorState.rest(), 0.0, 0
    while True:
        held = world.held_pose()
        felt = wrench_at_held_piece(world.sensor_wrench() - bias, held, TASK.tcp_from_sensor)
        force = float(felt.force[2]) + random.normal(scale=FORCE_NOISE_N)
        seen = held.moved(random.normal(scale=POSE_NOISE_M, size=3), np.zeros(3))
        wanted = touching.step(TouchSample(CYCLE_S * cycle, seen, sent, force, force))
        if wanted is None:
            return cycle
        command = tuple(wanted.to_array().tolist())
        state = govern(limits, state, command, felt.to_array(), held.position, CYCLE_S).state
        world.advance(Twist.from_array(np.array(state.twist)), STEPS)
        sent, cycle = state.twist[2], cycle + 1


def touch(touching, robot, compliance, limits=None):
    """Run the procedure on a robot and return the number of cycles."""
    with AssemblyWorld(TASK, robot=robot, compliance=compliance) as world:
        return run(touching, world, limits or limits_of(robot))


def felt_mass_kg(robot, compliance):
    """Return the mass that the ground feels when the arm hits it and nothing drives it, kg."""
    loose = replace(find_robot(robot).servo, stiffness_n_per_m=1.0)
    with AssemblyWorld(TASK, loose, robot=robot, compliance=compliance) as world:
        start = Pose(np.array((*ABOVE_M[:2], 0.035)), Pose.identity().quaternion)
        world.reset(InitialState(start, Pose.identity()))
        bias = world.sensor_wrench().force[2]
        push = -PER_M * PER_KG * 0.02 * find_robot(robot).servo.effective_mass_kg / 0.004
        place = (PER_M * world.held_pose().position).tolist()
        pybullet.applyExternalForce(
            world.scene.tool,
            world.scene.held_link,
            (0.0, 0.0, push),
            place,
            pybullet.WORLD_FRAME,
            world.client,
        )
        speed = peak = 0.0
        for _ in range(60):
            world.advance(Twist.zero(), 1)
            speed = max(speed, -float(world.held_twist().linear[2]))
            peak = max(peak, float(world.sensor_wrench().force[2] - bias))
    return (peak / speed) ** 2 / compliance.stiffness_n_per_m


class SpringCell:
    """One axis of an arm: a mass above a spring, drawn by drives with an integral action.

    Args:
        mass_kg: Moving mass.
        stiffness_n_per_m: Stiffness of the contact.
        drives_n_per_m: Stiffness of the drives.
        integral_per_s: Rate at which the drives remove a lasting error; 0 for none.
    """

    def __init__(self, mass_kg, stiffness_n_per_m, drives_n_per_m=1e5, integral_per_s=0.0):
        self._m, self._k, self._d = mass_kg, stiffness_n_per_m, drives_n_per_m
        self._i = integral_per_s
        self._c = 1.4 * (mass_kg * drives_n_per_m) ** 0.5
        self._z = self._s = ABOVE_M[2]
        self._u = self._sum = 0.0

    def move(self, mps):
        """Move the setpoint for one cycle and return height, m, and mean force, N."""
        steps, total = 120, 0.0
        h = CYCLE_S / steps
        for _ in range(steps):
            force = self._k * max(0.0, 0.035 - self._z)
            lead = self._s - self._z
            self._sum += self._i * lead * h
            pull = self._d * (lead + self._sum) + self._c * (mps - self._u)
            self._u += h * (force + pull) / self._m
            self._z += h * self._u
            self._s += h * mps
            total += force
        return self._z, total / steps


def touch_spring(touching, cell, seed=0, late_cycles=0, change=lambda sample: sample):
    """Run the procedure on one axis, the force so many cycles late; return the cycles."""
    random = np.random.default_rng(seed)
    height, sent, cycle = ABOVE_M[2], 0.0, 0
    forces = [0.0] * (late_cycles + 1)
    while True:
        felt = forces.pop(0) + random.normal(scale=FORCE_NOISE_N)
        position = np.array((*ABOVE_M[:2], height + random.normal(scale=POSE_NOISE_M)))
        pose = Pose(position, Pose.identity().quaternion)
        wanted = touching.step(change(TouchSample(CYCLE_S * cycle, pose, sent, felt, felt)))
        if wanted is None:
            return cycle
        goal = float(wanted.linear[2])
        sent += min(CYCLE_S, max(-CYCLE_S, goal - sent))  # 1 m/s2
        height, force = cell.move(sent)
        forces.append(force)
        cycle += 1
