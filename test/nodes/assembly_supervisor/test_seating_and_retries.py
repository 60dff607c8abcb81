"""The seating motion and the retries of assembly_supervisor, in a cell without physics."""

import contextlib
import dataclasses

import numpy as np
import pytest
from cell_rig import results, supervised
from diagnostic_msgs.msg import DiagnosticStatus
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.key_values import from_status, to_status
from der_ros.nodes.shared.qos import LATCHED
from der_ros.policy.governor import GovernorLimits

pytestmark = [pytest.mark.ros, pytest.mark.in_turn, pytest.mark.usefixtures("own_domain")]


QUICK_JAM = {"seating_s": 3.0, "seating_speed_mps": 0.01, "seating_creep_mps": 0.002}


@contextlib.contextmanager
def started(run_dir, **parameters):
    """Run a supervisor whose attempts have been started."""
    with supervised(run_dir, **parameters) as it:
        it.start()
        yield it


def test_depth_and_force_of_home_are_written(tmp_path):
    with started(tmp_path, attempts=1) as it:
        (line,) = it.lines(1)
        assert (line["outcome"], line["attempt"], line["retry"]) == ("success", 1, 0)
        assert abs(line["final_depth_m"]) < 0.001
        assert 4.0 <= line["seating_force_n"] <= 20.0


def test_a_sensor_lost_in_seating_is_a_fault(tmp_path):
    with started(tmp_path, retries=1) as it:
        it.cell.ground_m = None
        assert it.phase_is("seating")
        it.cell.deaf = True
        (line,) = it.lines(1)
        assert (line["outcome"], line["reason"]) == ("fault", "no force reading for 0.2 s")
        assert it.stands()
        assert len(results(tmp_path)) == 1


def test_a_stop_in_seating_leaves_the_piece_at_rest(tmp_path):
    with started(tmp_path, retries=1) as it:
        it.cell.ground_m = None
        assert it.phase_is("seating")
        it.stop()
        (line,) = it.lines(1)
        assert (line["outcome"], line["reason"]) == ("aborted", "stopped by the operator")
        assert it.stands()


def test_a_pose_that_jumps_in_seating_is_a_fault(tmp_path):
    with started(tmp_path) as it:
        assert it.phase_is("seating")
        it.cell.pose = it.cell.pose.moved(np.array((0.003, 0.0, 0.0)), np.zeros(3))
        (line,) = it.lines(1)
        assert (line["outcome"], "the pose jumped" in line["reason"]) == ("fault", True)
        assert it.stands()


def test_a_ground_that_is_not_there_is_a_fault(tmp_path):
    with started(tmp_path, retries=1, seating_creep_mps=0.002) as it:
        it.cell.ground_m = None
        (line,) = it.lines(1)
        assert (line["outcome"], "below flush" in line["reason"]) == ("fault", True)
        assert it.stands()
        assert len(results(tmp_path)) == 1


def test_a_jam_is_tried_again_from_elsewhere(tmp_path):
    with started(tmp_path, attempts=1, retries=1, **QUICK_JAM) as it:
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
    with started(tmp_path, attempts=1, retries=0, **QUICK_JAM) as it:
        it.cell.ground_m = 0.0031
        assert until(it.node.finished.is_set, 30.0)
        assert [line["outcome"] for line in results(tmp_path)] == ["jammed"]


def test_a_push_beyond_the_soft_limit_does_not_start(tmp_path):
    refused = pytest.raises(ConfigurationError, match="at most the soft limit of 20 N")
    with refused, supervised(tmp_path, seating_force_n=21.0):
        pass


def test_a_push_beyond_the_robots_limit_is_a_fault(tmp_path):
    with supervised(tmp_path, seating_force_n=12.0) as it:
        corners = {"workspace_min_m": (-1.0,) * 3, "workspace_max_m": (1.0,) * 3}
        texts = dataclasses.asdict(GovernorLimits(soft_force_n=8.0, **corners))
        publisher = it.test.create_publisher(DiagnosticStatus, "kuka/limits", LATCHED)
        publisher.publish(to_status("limits", texts))
        assert until(lambda: it.node._cell.limits is not None)
        it.start()
        line = it.result(1)
        assert line["outcome"] == "fault"
        assert "at most the soft limit of 8 N" in line["reason"]
