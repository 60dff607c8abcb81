"""Peak force of the first contact, with the figures of docs/lab-notebook/contact-forces.md."""

import numpy as np
import pytest

from der_ros.geometry import Pose, Twist
from der_ros.policy.governor import GovernorLimits, GovernorState, govern
from der_ros.policy.observation import wrench_at_held_piece
from der_ros.sim.servo import ServoConfig
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import InitialState, make_task

TASK = make_task("lap_joint")
LIMITS = GovernorLimits(
    workspace_min_m=(-0.1, -0.1, -0.1),
    workspace_max_m=(0.1, 0.1, 0.2),
    soft_force_n=TASK.soft_force_n,
)
PHYSICS_S = 0.004
# Two crossed timbers, one beside the notch of the other: they meet at 35 mm.
ABOVE = Pose(np.array((0.03, 0.03, 0.037)), Pose.identity().quaternion)


def peak_n(speed_mps, tick_steps, servo):
    """Return the peak force of any physics step during the approach, over several phases."""
    with AssemblyWorld(TASK, servo=servo) as world:
        return max(_descent(world, speed_mps, tick_steps, phase) for phase in range(5))


def _descent(world, speed_mps, tick_steps, phase):
    dt_s = tick_steps * PHYSICS_S
    higher = ABOVE.position + np.array((0.0, 0.0, 0.2 * phase * dt_s * speed_mps))
    world.reset(InitialState(Pose(higher, ABOVE.quaternion), Pose.identity()))
    weight = world.sensor_wrench()
    state, peak, felt = GovernorState.rest(), 0.0, weight
    down = (0.0, 0.0, -speed_mps, 0.0, 0.0, 0.0)
    for _ in range(round(0.006 / speed_mps / dt_s)):
        held = world.held_pose()
        wrench = wrench_at_held_piece(felt - weight, held, TASK.tcp_from_sensor).to_array()
        state = govern(LIMITS, state, down, wrench, held.position, dt_s).state
        for _ in range(tick_steps):
            world.advance(Twist.from_array(np.array(state.twist)), 1)
            felt = world.sensor_wrench()
            peak = max(peak, float(np.linalg.norm((felt - weight).force)))
    return peak


def test_the_speed_of_the_approach_sets_the_peak():
    stiff = ServoConfig.kr60()
    fast, slow = peak_n(0.05, 3, stiff), peak_n(0.02, 3, stiff)
    # The arm's mass stops within one physics step: 20 kg x 0.05 m/s / 4 ms = 250 N.
    assert fast == pytest.approx(stiff.effective_mass_kg * 0.05 / PHYSICS_S, rel=0.25)
    assert slow < 0.5 * fast
    assert peak_n(0.05, 1, stiff) > 0.7 * fast
    assert peak_n(0.05, 3, ServoConfig.soft()) > 0.7 * fast
