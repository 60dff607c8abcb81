"""Point-to-point motion of the controller, alone and between two RSI sessions."""

import numpy as np
import pytest
from waiting import until

from der_ros.drivers.kuka import kr60_kinematics
from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import ControllerState, SimulatedKrc4Config
from der_ros.drivers.kuka.plant import UPRIGHT_RAD, KinematicPlant
from der_ros.drivers.kuka.point_to_point import SPEED_RADPS, point_to_point
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.kuka.rsi_server import RsiServer
from der_ros.geometry import Pose, Twist, angle_between

CYCLE_S = 0.012
TOOL = Pose(np.array((0.0, 0.0, 0.3)), np.array((1.0, 0.0, 0.0, 0.0)))
TURNED_RAD = UPRIGHT_RAD + np.radians((1.0, 0.0, 0.0, 0.0, 0.0, 170.0))


@pytest.mark.parametrize("end", [UPRIGHT_RAD, TURNED_RAD])
def test_it_ends_there_and_stays_within_the_axes_speed(end):
    plant, axes = KinematicPlant(UPRIGHT_RAD, TOOL), UPRIGHT_RAD
    for displacement, rotation in point_to_point(UPRIGHT_RAD, end, TOOL, CYCLE_S):
        state = plant.advance(displacement, rotation, CYCLE_S)
        assert np.abs(state.joint_positions_rad - axes).max() <= 1.01 * SPEED_RADPS * CYCLE_S
        axes = state.joint_positions_rad
    np.testing.assert_allclose(axes, end, atol=1e-6)


def test_a_program_runs_between_two_runs_of_rsi():
    sessions = []

    def on_cycle(state):
        sessions.append(state.session)
        return Twist.zero()

    server_config = RsiServerConfig(port=0, cycle_s=CYCLE_S, realtime_priority=0)
    with RsiServer(server_config, on_cycle) as server:
        config = SimulatedKrc4Config(pc_port=server.port, cycle_s=CYCLE_S, realtime_priority=0)
        with SimulatedKrc4(config, KinematicPlant(UPRIGHT_RAD, TOOL)) as krc4:
            assert until(lambda: 1 in sessions)
            krc4.run_program(point_to_point(UPRIGHT_RAD, TURNED_RAD, TOOL, CYCLE_S))
            assert until(lambda: krc4.state is ControllerState.STOPPED)
            assert krc4.program_ended.wait(20.0)
            assert until(lambda: 2 in sessions)
            there = kr60_kinematics.forward(TURNED_RAD) @ TOOL
            assert np.linalg.norm(krc4.tcp_pose.position - there.position) < 1e-6
            assert angle_between(krc4.tcp_pose.quaternion, there.quaternion) < 1e-6
            assert krc4.statistics.clamped == 0
    assert set(sessions) == {1, 2}
