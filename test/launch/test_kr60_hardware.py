"""The KR 60 deployment with a robot and a sensor that run beside it, as in a real cell."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from deployment import SIM_SENSOR_IP, attempts, call, wait_for
from kr60_launch import launched, ports

from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import SimulatedKrc4Config
from der_ros.drivers.kuka.plant import KinematicPlant
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Pose, Wrench
from der_ros.tasks import make_task

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]

CONFIG = Path(__file__).resolve().parents[2] / "config"


class MovedPlant(KinematicPlant):
    """A KR 60 above the joint that records the cycle in which it last moved."""

    cycles = moved = 0

    def advance(self, displacement_m, rotation_rad, duration_s):
        self.cycles += 1
        if displacement_m.any() or rotation_rad.any():
            self.moved = self.cycles
        return super().advance(displacement_m, rotation_rad, duration_s)


@contextmanager
def hardware():
    """Run a separate robot and sensor, as in a real cell; yield the arm and the arguments."""
    rsi, rdt, http = (int(argument.partition(":=")[2]) for argument in ports())
    config = yaml.safe_load((CONFIG / "deploy_kr60.yaml").read_text())
    base_from_task = Pose.from_sequence(config["/**"]["ros__parameters"]["task_frame"])
    on_flange = Pose.from_sequence(config["/**/sim_cell"]["ros__parameters"]["flange_from_tcp"])
    start = base_from_task @ make_task("lap_joint").start_pose
    plant = MovedPlant(flange_from_tcp=on_flange, base_from_tcp=start)
    controller = SimulatedKrc4Config(
        pc_port=rsi, robot_address="127.0.0.2", auto_restart_s=0.5, realtime_priority=0
    )
    box = SimulatedBoxConfig(address=SIM_SENSOR_IP, rdt_port=rdt, http_port=http)
    rng = np.random.default_rng(0)
    with (
        SimulatedKrc4(controller, plant),
        SimulatedNetFt(box, lambda: Wrench.from_array(rng.normal(0.0, 0.01, 6))),
    ):
        robot = ["robot:=rsi", "robot_ip:=127.0.0.2", f"rsi_port:={rsi}"]
        sensor = ["ft:=netft", f"sensor_ip:={SIM_SENSOR_IP}", f"rdt_port:={rdt}"]
        yield plant, [*robot, *sensor, f"http_port:={http}"]


@pytest.mark.in_turn
def test_a_real_robot_moves_only_after_a_start(run_dir, output):
    waiting = "waiting for the service assembly_supervisor/start"

    def moves():
        """Start an attempt; on a busy computer it may end in a fault before the arm moves."""
        ended = output.read_text().count(waiting)
        call("kuka_bridge/reset_fault")
        call("assembly_supervisor/start")
        wait_for(lambda: arm.moved or output.read_text().count(waiting) > ended, 60, "motion")
        return arm.moved

    with (
        hardware() as (arm, there),
        launched(output, "record:=false", f"run_dir:={run_dir}", *there),
    ):
        wait_for(lambda: waiting in output.read_text(), 150, "everything to be ready")
        end = arm.cycles + 100
        wait_for(lambda: arm.cycles > end, 60, "cycles")
        assert arm.moved == 0
        wait_for(moves, 150, "motion")
        call("assembly_supervisor/stop")
        wait_for(lambda: output.read_text().count(waiting) >= 2, 60, "the end of the attempt")
        wait_for(lambda: arm.cycles > arm.moved + 100, 60, "rest")
    assert attempts(run_dir)
