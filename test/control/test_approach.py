"""Approach of an arm without ROS, on a clock driven by its periods of rest."""

import numpy as np
import pytest

from der_ros.control import approach
from der_ros.control.approach import Approach, CellError
from der_ros.geometry import Twist, Wrench
from der_ros.parameters.assembly_supervisor import SupervisorParameters
from der_ros.policy.attempt import MeanWrench, PeakWrench
from der_ros.tasks import make_task

TASK = make_task("lap_joint")


class Cell:
    """An arm at its start pose, and a sensor that is read in each period.

    Attributes:
        load_n: Force at the sensor without a bias, N.
        torque_nm: Torque at the sensor, Nm, which no bias removes.
        wrong_n: Errors of the next biases, N; later biases are right.
        late_n: Reading that arrives once after each bias although it was taken before it, N.
        deaf: True if the sensor sends nothing.
        biases: Number of biases.
        aside_m: Distance from the start pose, m, whatever is commanded.
        fault: Reason why the cell must not move from 0.1 s on; empty if it may.
        twist: Newest commanded twist.
    """

    def __init__(self):
        self.now_s, self.load_n, self.wrong_n, self.late_n = 0.0, 0.0, [], None
        self.deaf, self.biases, self._zero_n, self._late = False, 0, 0.0, False
        self.torque_nm = 0.0
        self.aside_m, self.fault, self.twist = 0.0, "", Twist.zero()
        self.restart_readings()

    def restart_readings(self):
        self.peak, self.mean = PeakWrench(), MeanWrench()

    def sleep(self, duration_s):
        self.now_s += duration_s
        reading_n = self.late_n if self._late else self.load_n - self._zero_n
        self._late = False
        wrench = Wrench(np.array((0.0, 0.0, reading_n)), np.array((0.0, self.torque_nm, 0.0)))
        if not self.deaf:
            self.peak.add(wrench)
            self.mean.add(wrench)

    def pose(self):
        return TASK.start_pose.moved(np.array((self.aside_m, 0.0, 0.0)), np.zeros(3))

    def problem(self):
        return self.fault if self.now_s > 0.1 else ""

    def command(self, twist):
        self.twist = twist

    def trigger(self, name):
        assert name == "ft_bridge/bias"
        self.biases += 1
        self._zero_n = self.load_n - (self.wrong_n.pop(0) if self.wrong_n else 0.0)
        self._late = self.late_n is not None
        return ""


@pytest.fixture
def cell(monkeypatch):
    made = Cell()
    monkeypatch.setattr(approach.time, "monotonic", lambda: made.now_s)
    monkeypatch.setattr(approach.time, "sleep", made.sleep)
    return made


def approach_of(cell):
    return Approach(cell, TASK, SupervisorParameters(), lambda: "")


def test_a_load_is_biased_away(cell):
    cell.load_n = 40.0
    it = approach_of(cell)
    it.to_start()
    assert (cell.biases, it.bias_check.reading) == (1, (0.0, 0.0, False))


def test_a_wrong_bias_is_seen_at_rest_and_taken_again(cell):
    cell.load_n, cell.wrong_n = 40.0, [3.0]
    it = approach_of(cell)
    it.to_start()
    assert (cell.biases, it.bias_check.reading) == (2, (0.0, 0.0, True))


def test_a_bias_that_stays_wrong_refuses_the_attempt(cell):
    cell.wrong_n = [3.0, 2.5]
    it = approach_of(cell)
    with pytest.raises(CellError, match=r"after a second bias, 2\.5 N are felt.*sensor is loose"):
        it.to_start()
    assert (cell.biases, it.bias_check.reading) == (2, (2.5, 0.0, True))


def test_a_reading_from_before_the_bias_does_not_count(cell):
    cell.late_n = 500.0
    it = approach_of(cell)
    it.to_start()
    assert (cell.biases, it.bias_check.reading.force_n) == (1, 0.0)


def test_a_sensor_without_readings_refuses_the_attempt(cell):
    cell.deaf = True
    with pytest.raises(CellError, match="no force reading"):
        approach_of(cell).to_start()


def test_contact_at_the_start_is_not_biased_away(cell):
    it = approach_of(cell)
    it.to_start()
    cell.load_n = 30.0
    with pytest.raises(CellError, match="the sensor feels 30 N where nothing touches"):
        it.to_start()
    assert cell.biases == 1


def test_a_torque_below_1_nm_is_not_rounded_away(cell):
    it = Approach(cell, TASK, SupervisorParameters(start_torque_nm=0.3), lambda: "")
    it.to_start()
    cell.torque_nm = 0.4
    with pytest.raises(CellError, match=r"feels 0\.4 Nm where nothing touches, .* at most 0\.3 Nm"):
        it.to_start()


@pytest.mark.parametrize(("fault", "message"), [("", "was not reached"), ("lost", "lost")])
def test_a_motion_that_fails_ends_at_rest(cell, fault, message):
    """The last twist would move the arm on until the bridge takes it as stale."""
    cell.aside_m, cell.fault = 0.1, fault
    with pytest.raises(CellError, match=message):
        approach_of(cell).to_start()
    assert cell.now_s > 0.1
    assert not cell.twist.to_array().any()
