"""The seating motion and the retries of assembly_supervisor, in a cell without physics."""

import contextlib
import dataclasses

import numpy as np
import pytest
from cell_rig import Cell, results
from diagnostic_msgs.msg import DiagnosticStatus
from policy_rig import call, own_domain, running
from std_srvs.srv import Trigger
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.shared.key_values import from_status, to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits

pytestmark = [pytest.mark.ros, pytest.mark.alone]


@pytest.fixture(autouse=True)
def _domain(monkeypatch):
    own_domain(monkeypatch)


class Supervised:
    """A supervisor in its cell, with the first attempt started."""

    def __init__(self, node, test, run_dir):
        self.node, self.test, self.run_dir = node, test, run_dir
        self.cell = Cell(test)

    def lines(self, number):
        assert until(lambda: len(results(self.run_dir)) >= number, 20.0), self.node._phase
        return results(self.run_dir)

    def seats(self):
        return until(lambda: "seating" in self.node._phase, 20.0)

    def stop(self):
        call(self.test, Trigger, "assembly_supervisor/stop", Trigger.Request())

    def rests(self):
        before = self.cell.pose.position.copy()
        moved = until(lambda: np.linalg.norm(self.cell.pose.position - before) > 1e-4, 0.5)
        return not moved


@contextlib.contextmanager
def supervised(run_dir, **parameters):
    given = {"run_dir": run_dir, "record": "false", **parameters}
    with running(AssemblySupervisor, **given) as (node, test):
        try:
            it = Supervised(node, test, run_dir)
            assert until(lambda: "waiting for the service" in node._phase, 20.0)
            call(test, Trigger, "assembly_supervisor/start", Trigger.Request())
            yield it
        finally:
            node.finished.set()


def test_depth_and_force_of_home_are_written(tmp_path):
    with supervised(tmp_path, attempts=1) as it:
        (line,) = it.lines(1)
        assert (line["outcome"], line["attempt"], line["retry"]) == ("success", 1, 0)
        assert abs(line["final_depth_m"]) < 0.001
        assert 4.0 <= line["seating_force_n"] <= 20.0


def test_a_sensor_lost_in_seating_is_a_fault(tmp_path):
    with supervised(tmp_path, retries=1) as it:
        it.cell.ground_m = None
        assert it.seats()
        it.cell.deaf = True
        (line,) = it.lines(1)
        assert (line["outcome"], line["reason"]) == ("fault", "no force reading for 0.2 s")
        assert it.rests()
        assert len(results(tmp_path)) == 1


def test_a_stop_in_seating_leaves_the_piece_at_rest(tmp_path):
    with supervised(tmp_path, retries=1) as it:
        it.cell.ground_m = None
        assert it.seats()
        it.stop()
        (line,) = it.lines(1)
        assert (line["outcome"], line["reason"]) == ("aborted", "stopped by the operator")
        assert it.rests()


def test_a_pose_that_jumps_in_seating_is_a_fault(tmp_path):
    with supervised(tmp_path) as it:
        assert it.seats()
        it.cell.pose = it.cell.pose.moved(np.array((0.003, 0.0, 0.0)), np.zeros(3))
        (line,) = it.lines(1)
        assert (line["outcome"], "the pose jumped" in line["reason"]) == ("fault", True)
        assert it.rests()


def test_a_ground_that_is_not_there_is_a_fault(tmp_path):
    with supervised(tmp_path, retries=1) as it:
        it.cell.ground_m = None
        (line,) = it.lines(1)
        assert (line["outcome"], "below flush" in line["reason"]) == ("fault", True)
        assert it.rests()
        assert len(results(tmp_path)) == 1


def test_a_jam_is_tried_again_from_elsewhere(tmp_path):
    with supervised(tmp_path, attempts=1, retries=1, seating_s=5.0) as it:
        heard = []
        it.test.create_subscription(
            DiagnosticStatus, "assembly_supervisor/result", heard.append, LATCHED
        )
        it.cell.ground_m = 0.0031
        (first,) = it.lines(1)
        it.cell.ground_m = 0.0
        first, second = it.lines(2)
        assert (first["outcome"], first["attempt"], first["retry"]) == ("jammed", 1, 0)
        assert "free the piece" in first["reason"]
        assert (second["outcome"], second["attempt"], second["retry"]) == ("success", 1, 1)
        assert abs(it.cell.pose.position[0]) > 0.001
        assert until(it.node.finished.is_set, 10.0)
        assert it.node.exit_code == 0
        told = [(from_status(each)["attempt"], from_status(each)["retry"]) for each in heard]
        assert told == [("1", "0"), ("1", "1")]


def test_without_retries_a_jam_ends_the_attempt(tmp_path):
    with supervised(tmp_path, attempts=1, retries=0, seating_s=5.0) as it:
        it.cell.ground_m = 0.0031
        assert until(it.node.finished.is_set, 30.0)
        assert [line["outcome"] for line in results(tmp_path)] == ["jammed"]


def test_a_push_beyond_the_soft_limit_does_not_start(tmp_path):
    refused = pytest.raises(ConfigurationError, match="at most the soft limit of 20 N")
    given = {"run_dir": tmp_path, "seating_force_n": 21.0}
    with refused, running(AssemblySupervisor, **given):
        pass


def test_a_push_beyond_the_robots_limit_is_a_fault(tmp_path):
    with supervised(tmp_path, seating_force_n=12.0) as it:
        corners = {"workspace_min_m": (-1.0,) * 3, "workspace_max_m": (1.0,) * 3}
        texts = dataclasses.asdict(GovernorLimits(soft_force_n=8.0, **corners))
        publisher = it.test.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        publisher.publish(to_status("limits", texts))
        lines = it.lines(1)
        while lines[-1]["outcome"] != "fault":
            lines = it.lines(len(lines) + 1)
        assert "at most the soft limit of 8 N" in lines[-1]["reason"]
