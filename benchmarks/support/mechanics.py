"""Predictions of mechanics for a simulated cell, and the cell's deviation from them.

Each function takes an open world, does one experiment in it, and returns errors: what was found
less what Newton, Hooke and the task's own numbers say. Free motion happens 0.2 m above the joint.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pybullet
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist, Wrench, angle_between, quaternion_from_rotation_vector
from der_ros.sim.tool import GRAVITY_M_PER_S2
from der_ros.sim.units import scaled
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState

Vector = NDArray[np.float64]
ABOVE_M = 0.2
# The servos ring at 5 to 11 Hz with a damping ratio of 0.7 or more: after this all is still.
_SETTLING_STEPS = 400
_CYCLE_STEPS = 3  # of the robot's 12 ms


class WrenchError(NamedTuple):
    """The worst of several readings, each axis by itself."""

    force_n: float
    torque_nm: float

    @classmethod
    def of(cls, errors: list[Vector]) -> WrenchError:
        """From differences of wrenches, (6,) each."""
        worst = np.abs(errors).max(axis=0)
        return cls(float(worst[:3].max()), float(worst[3:].max()))


class Press(NamedTuple):
    """A way to press the pieces on each other.

    Attributes:
        held: where the held piece starts, task frame.
        along: unit twist, m and rad, that the servo's setpoint moves along.
        ground: where the ground piece is.
    """

    held: Pose
    along: tuple[float, ...]
    ground: Pose = Pose.identity()


def pose(
    x: float = 0.0,
    y: float = 0.0,
    z: float = 0.0,
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Pose:
    """Return a pose of metres and a rotation vector, rad."""
    return Pose(np.array((x, y, z)), quaternion_from_rotation_vector(rotation))


DOWN = (0.0, 0.0, -1.0, 0.0, 0.0, 0.0)
ASIDE = (0.5, 0.4, -0.8, 0.0, 0.0, 0.0)
PRESSES: dict[str, dict[str, Press]] = {
    "lap_joint": {
        "seated": Press(pose(z=0.0005), DOWN),
        "seated_aside": Press(pose(z=0.0005), ASIDE),
        "wedged": Press(pose(z=0.0005), (0, 0, -0.4, 0, 0, 0.9)),
        "ends_on_ends": Press(pose(z=0.0355), DOWN, pose(0.003, 0.003, 0, (0, 0, -0.03))),
        "on_an_edge": Press(pose(z=0.018), DOWN, pose(0.003)),
    },
    "peg_in_hole": {
        "seated": Press(pose(z=0.0005), DOWN),
        "seated_aside": Press(pose(z=0.0005), ASIDE),
        "on_the_plate": Press(pose(0.011, 0.011, 0.0305), DOWN),
        "tip_on_the_rim": Press(pose(z=0.0285, rotation=(0, 0, 0.3)), DOWN),
    },
    "peg_in_hole_round": {
        "seated": Press(pose(z=0.0005), DOWN),
        "seated_aside": Press(pose(z=0.0005), ASIDE),
        "on_the_plate": Press(pose(0.006, 0.0, 0.0305), DOWN),
    },
    "key_slot": {
        "seated": Press(pose(z=0.0005), DOWN),
        "seated_aside": Press(pose(z=0.0005), ASIDE),
        "across_the_slot": Press(pose(z=0.0125), DOWN, pose(0.002, 0.002, 0, (0, 0, 0.1))),
    },
}


# -- the sensor ----------------------------------------------------------------------------------


def weight_on_sensor(world: AssemblyWorld) -> Vector:
    """Return the weight at the centre of mass, (6,), as the sensor must read it."""
    piece, held = world.task.held, world.held_pose()
    at = held.position + held.rotation @ np.array(piece.center_of_mass)
    return on_sensor(world, np.array((0, 0, -piece.mass_kg * GRAVITY_M_PER_S2)), at)


def on_sensor(world: AssemblyWorld, force: Vector, at: Vector) -> Vector:
    """Return a force at a point, both (3,) in the task frame, as the sensor must read it, (6,)."""
    sensor = world.held_pose() @ world.task.tcp_from_sensor
    torque = np.cross(at - sensor.position, force)
    return np.concatenate((sensor.rotation.T @ force, sensor.rotation.T @ torque))


def contacts_on_sensor(world: AssemblyWorld) -> Vector:
    """Return the sum of the engine's contacts as the sensor must read it, (6,)."""
    contact, held = world.contact_wrench(), world.held_pose()
    sensor = held @ world.task.tcp_from_sensor
    moved = contact.torque + np.cross(held.position - sensor.position, contact.force)
    return Wrench(contact.force, moved).rotated(sensor.rotation.T).to_array()


def beyond_weight(world: AssemblyWorld) -> Vector:
    """Return the sensor's reading without the weight of the held piece, (6,)."""
    return world.sensor_wrench().to_array() - weight_on_sensor(world)


def hang_anywhere(world: AssemblyWorld, rng: np.random.Generator, count: int) -> WrenchError:
    """Hang the held piece at rest in random orientations, any that the arm reaches."""
    errors = []
    while len(errors) < count:
        turn = rng.standard_normal(4)
        held = Pose(np.array((0.0, 0.0, ABOVE_M)), turn / np.linalg.norm(turn))
        try:
            world.reset(InitialState(held, Pose.identity()))
        except ConfigurationError:
            continue  # an arm does not reach every one
        world.advance(Twist.zero(), _SETTLING_STEPS // 4)
        errors.append(beyond_weight(world))
    return WrenchError.of(errors)


class PushError(NamedTuple):
    """Deviation of the reading of known pushes.

    Attributes:
        reading: less the push.
        give: how far the arm gave way, by what its stiffness says; 1 is right.
    """

    reading: WrenchError
    give: float


def push_anywhere(world: AssemblyWorld, rng: np.random.Generator, count: int) -> PushError:
    """Push the hanging piece with random forces of 60 N at random points of it.

    The points are within 5 cm of the tcp.
    """
    errors, gives = [], []
    for _ in range(count):
        world.reset(InitialState(pose(z=ABOVE_M), Pose.identity()))
        direction, arm = rng.standard_normal(3), rng.uniform(-0.05, 0.05, 3)
        force = 60.0 * direction / np.linalg.norm(direction)
        for _ in range(_SETTLING_STEPS):
            at = world.held_pose().position + arm
            pybullet.applyExternalForce(
                world.scene.tool,
                world.scene.held_link,
                force.tolist(),
                scaled(at),
                pybullet.WORLD_FRAME,
                world.client,
            )
            world.advance(Twist.zero(), 1)
        errors.append(beyond_weight(world) - on_sensor(world, force, at))
        way = (world.held_pose().position - (0.0, 0.0, ABOVE_M)) @ force / 60.0
        gives.append(way * world.servo_config.stiffness_n_per_m / 60.0)
    return PushError(WrenchError.of(errors), float(max(gives, key=lambda give: abs(give - 1.0))))


def move_freely(world: AssemblyWorld) -> WrenchError:
    """Move the piece steadily through the air: the reading must stay its weight."""
    world.reset(InitialState(pose(z=ABOVE_M), Pose.identity()))
    twist = Twist(np.array((0.02, -0.03, 0.03)), np.array((0.03, 0.02, -0.04)))
    world.advance(twist, _SETTLING_STEPS)
    errors = []
    for _ in range(50):
        world.advance(twist, _CYCLE_STEPS)
        errors.append(beyond_weight(world))
    return WrenchError.of(errors)


# -- the servo -----------------------------------------------------------------------------------


class Tracking(NamedTuple):
    """Largest distance of a motion from the commanded one, m and rad."""

    position_m: float
    angle_rad: float


def follow(world: AssemblyWorld, axis: int, frequency_hz: float) -> Tracking:
    """Command a twist that swings along one axis with 30 mm/s, or about it with 50 mrad/s.

    Args:
        world: open.
        axis: of the twist, 0 to 5.
        frequency_hz: of the swing; three periods, of which the first does not count.
    """
    world.reset(InitialState(pose(z=ABOVE_M), Pose.identity()))
    asked, dt_s = world.held_pose(), _CYCLE_STEPS * world.physics_dt_s
    direction = np.eye(6)[axis] * (0.03 if axis < 3 else 0.05)
    worst_m = worst_rad = 0.0
    for k in range(round(3.0 / frequency_hz / dt_s)):
        turns = frequency_hz * k * dt_s
        twist = Twist.from_array(math.sin(2.0 * math.pi * turns) * direction)
        asked = asked.moved(twist.linear * dt_s, twist.angular * dt_s)
        world.advance(twist, _CYCLE_STEPS)
        if turns >= 1.0:
            held = world.held_pose()
            worst_m = max(worst_m, float(np.linalg.norm(held.position - asked.position)))
            worst_rad = max(worst_rad, angle_between(held.quaternion, asked.quaternion))
    return Tracking(worst_m, worst_rad)


# -- contact -------------------------------------------------------------------------------------


def press(world: AssemblyWorld, way: Press, share: float = 0.4, speed: float = 0.05) -> None:
    """Press with a share of the servo's force limit and stands still until all is at rest."""
    config = world.servo_config
    lead_m = share * config.force_limit_n / config.stiffness_n_per_m
    steps = math.ceil((lead_m + 0.0007) / (speed * world.physics_dt_s))
    world.reset(InitialState(way.held, way.ground))
    world.advance(Twist.from_array(speed * np.array(way.along, dtype=float)), steps)
    world.advance(Twist.zero(), _SETTLING_STEPS)


class Rest(NamedTuple):
    """A pressed piece at rest.

    Attributes:
        force_n: of the contacts.
        jitter_n: standard deviation of the force as read, the worst axis.
        jitter_nm: the same of the torque.
        contacts: what the sensor reads besides weight and the sum of the contacts.
    """

    force_n: float
    jitter_n: float
    jitter_nm: float
    contacts: WrenchError


def rest(world: AssemblyWorld, way: Press) -> Rest:
    """Presses, waits, and reads for 0.6 s."""
    press(world, way)
    readings, errors = [], []
    for _ in range(150):
        world.advance(Twist.zero(), 1)
        readings.append(world.sensor_wrench().to_array())
        errors.append(beyond_weight(world) - contacts_on_sensor(world))
    spread = np.std(readings, axis=0)
    force_n = float(np.linalg.norm(world.contact_wrench().force))
    return Rest(force_n, float(spread[:3].max()), float(spread[3:].max()), WrenchError.of(errors))


class Build(NamedTuple):
    """Rise of the force while pressing at a constant speed.

    Attributes:
        slope: of the contact's force in time, by stiffness times speed; 1 is right.
        limit: the final force by the servo's limit; 1 is right.
        penetration_m: the deepest on the way.
    """

    slope: float
    limit: float
    penetration_m: float


def build_force(world: AssemblyWorld, way: Press, speed: float = 0.01) -> Build:
    """Press along z up to the servo's force limit, by the normal force of the contacts."""
    config = world.servo_config
    per_s = config.stiffness_n_per_m * speed
    world.reset(InitialState(way.held, way.ground))
    forces, deepest_m = [], 0.0
    for _ in range(round((1.3 * config.force_limit_n / per_s + 0.1) / world.physics_dt_s)):
        world.advance(Twist.from_array(speed * np.array(DOWN)), 1)
        forces.append(float(world.contact_wrench().force[2]))
        deepest_m = max(deepest_m, world.penetration_m())
    force = np.array(forces)
    between = (force > 0.2 * config.force_limit_n) & (force < 0.8 * config.force_limit_n)
    time_s = world.physics_dt_s * np.arange(len(force))
    slope = float(np.polyfit(time_s[between], force[between], 1)[0])
    return Build(slope / per_s, forces[-1] / config.force_limit_n, deepest_m)


def strike(world: AssemblyWorld, way: Press) -> float:
    """Comes down from 10 mm above at full speed, up to the force limit; deepest penetration, m."""
    config, speed, deepest_m = world.servo_config, world.task.max_linear_speed_mps, 0.0
    held = way.held.moved(np.array((0.0, 0.0, 0.01)), np.zeros(3))
    world.reset(InitialState(held, way.ground))
    way_m = 0.012 + 1.3 * config.force_limit_n / config.stiffness_n_per_m
    for _ in range(round(way_m / (speed * world.physics_dt_s))):
        world.advance(Twist.from_array(speed * np.array(DOWN)), 1)
        deepest_m = max(deepest_m, world.penetration_m())
    return deepest_m


def depth_reached(world: AssemblyWorld, offset: tuple[float, float], speed: float = 0.02) -> float:
    """Height of the held piece, m, after a push down from the start, the ground piece beside."""
    config, height_m = world.servo_config, world.task.start_height_m
    world.reset(InitialState(world.task.start_pose, pose(*offset)))
    way_m = height_m + 0.5 * config.force_limit_n / config.stiffness_n_per_m
    world.advance(Twist.from_array(speed * np.array(DOWN)), round(way_m / speed / 0.004))
    return float(world.held_pose().position[2])
