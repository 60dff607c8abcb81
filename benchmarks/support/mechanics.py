"""Experiments that compare a simulated cell with the predictions of mechanics.

Each function takes an open world, runs one experiment, and returns errors: the measured value minus
the prediction by Newton, Hooke and the task's own numbers. Free motion is 0.2 m above the joint.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import pybullet
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist, Wrench, angle_between, quaternion_from_rotation_vector
from der_ros.sim.compliance import Compliance
from der_ros.sim.robots import find_robot
from der_ros.sim.tool import GRAVITY_M_PER_S2
from der_ros.sim.units import PER_KG, PER_M, scaled
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task

Vector = NDArray[np.float64]
ABOVE_M = 0.2
# The servos oscillate at 5 to 11 Hz with damping 0.7 or more, so all is at rest after this.
_SETTLING_STEPS = 400
_CYCLE_STEPS = 3  # the robot's 12 ms cycle


class WrenchError(NamedTuple):
    """Largest error of several wrench readings, per axis."""

    force_n: float
    torque_nm: float

    @classmethod
    def of(cls, errors: list[Vector]) -> WrenchError:
        """Return the largest errors of wrench differences, (6,) each."""
        worst = np.abs(errors).max(axis=0)
        return cls(float(worst[:3].max()), float(worst[3:].max()))


class Press(NamedTuple):
    """A way to press the pieces onto each other.

    Attributes:
        held: Start pose of the held piece, task frame.
        along: Unit twist, m and rad, along which the servo's setpoint moves.
        ground: Pose of the ground piece, task frame.
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
    """Return a pose from a position, m, and a rotation vector, rad."""
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
    """Return the expected sensor reading (6,) of the held piece's weight."""
    piece, held = world.task.held, world.held_pose()
    at = held.position + held.rotation @ np.array(piece.center_of_mass)
    return on_sensor(world, np.array((0, 0, -piece.mass_kg * GRAVITY_M_PER_S2)), at)


def on_sensor(world: AssemblyWorld, force: Vector, at: Vector) -> Vector:
    """Return the expected sensor reading (6,) of a force at a point, (3,) each, task frame."""
    sensor = world.held_pose() @ world.task.tcp_from_sensor
    torque = np.cross(at - sensor.position, force)
    return np.concatenate((sensor.rotation.T @ force, sensor.rotation.T @ torque))


def contacts_on_sensor(world: AssemblyWorld) -> Vector:
    """Return the expected sensor reading (6,) of the engine's contacts."""
    contact, held = world.contact_wrench(), world.held_pose()
    sensor = held @ world.task.tcp_from_sensor
    moved = contact.torque + np.cross(held.position - sensor.position, contact.force)
    return Wrench(contact.force, moved).rotated(sensor.rotation.T).to_array()


def beyond_weight(world: AssemblyWorld) -> Vector:
    """Return the sensor's reading without the weight of the held piece, (6,)."""
    return world.sensor_wrench().to_array() - weight_on_sensor(world)


def hang_anywhere(world: AssemblyWorld, rng: np.random.Generator, count: int) -> WrenchError:
    """Return the error of the reading at rest in random orientations that the arm reaches."""
    errors = []
    while len(errors) < count:
        turn = rng.standard_normal(4)
        held = Pose(np.array((0.0, 0.0, ABOVE_M)), turn / np.linalg.norm(turn))
        try:
            world.reset(InitialState(held, Pose.identity()))
        except ConfigurationError:
            continue  # the arm does not reach this orientation
        world.advance(Twist.zero(), _SETTLING_STEPS // 4)
        errors.append(beyond_weight(world))
    return WrenchError.of(errors)


class PushError(NamedTuple):
    """Errors of the reading under known pushes.

    Attributes:
        reading: Reading minus the push.
        give: Deflection of the arm divided by force over stiffness; 1 is exact.
    """

    reading: WrenchError
    give: float


def push_anywhere(world: AssemblyWorld, rng: np.random.Generator, count: int) -> PushError:
    """Push the hanging piece with random forces of 60 N at random points.

    The points are within 5 cm of the TCP.
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
    """Return the error of the reading in steady free motion, where it must stay the weight."""
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
    """Largest tracking error of a motion, m and rad."""

    position_m: float
    angle_rad: float


def follow(world: AssemblyWorld, axis: int, frequency_hz: float) -> Tracking:
    """Track a twist that oscillates with 30 mm/s along or 50 mrad/s about one axis.

    Args:
        world: Open world.
        axis: Axis of the twist, 0 to 5.
        frequency_hz: Frequency; of three periods, the first is ignored.
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
    """Press with a share of the servo's force limit, and wait until all is at rest."""
    config = world.servo_config
    lead_m = share * config.force_limit_n / config.stiffness_n_per_m
    steps = math.ceil((lead_m + 0.0007) / (speed * world.physics_dt_s))
    world.reset(InitialState(way.held, way.ground))
    world.advance(Twist.from_array(speed * np.array(way.along, dtype=float)), steps)
    world.advance(Twist.zero(), _SETTLING_STEPS)


class Rest(NamedTuple):
    """Reading of a pressed piece at rest.

    Attributes:
        force_n: Force of the contacts, N.
        jitter_n: Standard deviation of the force reading, N, on the worst axis.
        jitter_nm: Standard deviation of the torque reading, Nm, on the worst axis.
        contacts: Reading minus weight and contacts.
    """

    force_n: float
    jitter_n: float
    jitter_nm: float
    contacts: WrenchError


def rest(world: AssemblyWorld, way: Press) -> Rest:
    """Press, wait for rest, and read for 0.6 s."""
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
    """Rise of the contact force at a constant pressing speed.

    Attributes:
        slope: Rise of the contact force relative to stiffness times speed; 1 is exact.
        limit: Final force relative to the servo's limit; 1 is exact.
        penetration_m: Deepest penetration during the press, m.
    """

    slope: float
    limit: float
    penetration_m: float


def build_force(world: AssemblyWorld, way: Press, speed: float = 0.01) -> Build:
    """Press along z up to the servo's force limit, and measure the contacts' normal force."""
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
    """Return the deepest penetration, m, of a strike at full speed from 10 mm above."""
    config, speed, deepest_m = world.servo_config, world.task.max_linear_speed_mps, 0.0
    held = way.held.moved(np.array((0.0, 0.0, 0.01)), np.zeros(3))
    world.reset(InitialState(held, way.ground))
    way_m = 0.012 + 1.3 * config.force_limit_n / config.stiffness_n_per_m
    for _ in range(round(way_m / (speed * world.physics_dt_s))):
        world.advance(Twist.from_array(speed * np.array(DOWN)), 1)
        deepest_m = max(deepest_m, world.penetration_m())
    return deepest_m


def depth_reached(world: AssemblyWorld, offset: tuple[float, float], speed: float = 0.02) -> float:
    """Return the height of the held piece, m, after a push down beside the goal."""
    config, height_m = world.servo_config, world.task.start_height_m
    world.reset(InitialState(world.task.start_pose, pose(*offset)))
    way_m = height_m + 0.5 * config.force_limit_n / config.stiffness_n_per_m
    world.advance(Twist.from_array(speed * np.array(DOWN)), round(way_m / speed / 0.004))
    return float(world.held_pose().position[2])


# -- an impact -----------------------------------------------------------------------------------


class Impact(NamedTuple):
    """Impact of an arm that nothing drives, on the compliant ground.

    Attributes:
        peak_n: Largest reading of the force.
        speed_mps: Speed before the contact.
        mass_kg: Mass that an impulse on the held piece finds.
        stiffness_n_per_m: Stiffness of the cell.
    """

    peak_n: float
    speed_mps: float
    mass_kg: float
    stiffness_n_per_m: float

    @property
    def ratio(self) -> float:
        """Peak force divided by ``v sqrt(m k)``, the peak of a mass on a spring."""
        return self.peak_n / (self.speed_mps * math.sqrt(self.mass_kg * self.stiffness_n_per_m))


def impact(robot: str, speed_mps: float, physics_dt_s: float, cycle_s: float) -> Impact:
    """Push an arm that hardly any servo drives, and let it hit the timber 0.5 mm below.

    Args:
        robot: Name of the robot.
        speed_mps: Approximate speed.
        physics_dt_s: Physics step.
        cycle_s: Time over which a reading is averaged, whole physics steps.
    """
    loose = replace(find_robot(robot).servo, stiffness_n_per_m=1.0, stiffness_nm_per_rad=1.0)
    above = InitialState(pose(0.003, 0.003, 0.0355), Pose.identity())
    steps = round(cycle_s / physics_dt_s)
    down = Twist(np.array((0.0, 0.0, -speed_mps)), np.zeros(3))
    task = make_task("lap_joint")
    with AssemblyWorld(task, loose, physics_dt_s, robot=robot, compliance="cell") as world:
        world.reset(above)
        weight = world.sensor_wrench().force
        impulse_ns = speed_mps * find_robot(robot).contact_mass_kg
        force = -PER_M * PER_KG * impulse_ns / physics_dt_s
        scene, place = world.scene, (PER_M * world.held_pose().position).tolist()
        pybullet.applyExternalForce(
            scene.tool,
            scene.held_link,
            (0.0, 0.0, force),
            place,
            pybullet.WORLD_FRAME,
            world.client,
        )
        world.advance(Twist.zero(), 1)
        came_mps = -float(world.held_twist().linear[2])
        forces = []
        for _ in range(math.ceil((0.1 + 0.001 / speed_mps) / cycle_s)):
            world.advance(down, steps)
            forces.append(float(np.linalg.norm(world.sensor_wrench().force - weight)))
        spring = cast(Compliance, world.compliance)
    return Impact(max(forces), came_mps, impulse_ns / came_mps, spring.stiffness_n_per_m)
