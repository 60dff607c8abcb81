import math

import numpy as np
import pytest

from der_ros.control.sensor.bias_check import BiasCheck, BiasReading
from der_ros.geometry import Wrench
from der_ros.policy.rest import RestLimits


class Sensor:
    """A sensor at rest whose n-th bias leaves the n-th remainder, (6,) N and Nm."""

    def __init__(self, *remainders):
        self.remainders, self.biases = remainders, 0

    def bias(self):
        self.biases += 1

    def mean(self):
        return Wrench.from_array(np.array(self.remainders[self.biases - 1], dtype=float))


def check(sensor, **limits):
    return BiasCheck(RestLimits(**limits), sensor.bias, sensor.mean)


ZERO, NOISE = (0,) * 6, (0.05, -0.04, 0.06, 0.002, 0, -0.003)


def test_a_sensor_at_zero_is_biased_once():
    sensor = Sensor(NOISE)
    checked = check(sensor)
    assert (checked.bias(), sensor.biases) == ("", 1)
    assert checked.reading.force_n == pytest.approx(math.sqrt(0.05**2 + 0.04**2 + 0.06**2))
    assert checked.reading.torque_nm == pytest.approx(math.sqrt(0.002**2 + 0.003**2))
    assert not checked.reading.bias_retaken


@pytest.mark.parametrize("wrong", [(0, 0, 2.1, 0, 0, 0), (0, 0, 0, 0.08, 0.08, 0)])
def test_a_wrong_bias_is_taken_again(wrong):
    sensor = Sensor(wrong, ZERO)
    checked = check(sensor)
    assert (checked.bias(), sensor.biases) == ("", 2)
    assert checked.reading == BiasReading(0.0, 0.0, bias_retaken=True)


def test_the_rest_after_a_second_bias_is_reported():
    sensor = Sensor((0, 0, 5, 0, 0, 0), (0, 3, 0, 0, 0, 0), ZERO)
    checked = check(sensor)
    assert checked.bias() == "3.0 N are felt, expected at most 2"
    assert sensor.biases == 2
    assert checked.reading == BiasReading(3.0, 0.0, bias_retaken=True)


def test_a_torque_is_reported_with_two_digits():
    checked = check(Sensor(*[(0, 0, 0, 0, 0, 0.12)] * 2))
    assert checked.bias() == "0.12 Nm are felt, expected at most 0.1"


def test_no_limit_allows_any_wrench():
    sensor = Sensor((90, 0, 0, 9, 0, 0))
    assert check(sensor, force_n=0.0, torque_nm=0.0).bias() == ""
    assert sensor.biases == 1


def test_each_bias_begins_anew():
    sensor = Sensor((3, 0, 0, 0, 0, 0), ZERO, ZERO)
    checked = check(sensor)
    checked.bias()
    checked.bias()
    assert (sensor.biases, checked.reading.bias_retaken) == (3, False)
    checked.forget()
    assert math.isnan(checked.reading.force_n)
