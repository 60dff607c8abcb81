"""Rules for biasing the sensor, at times set by the test."""

import numpy as np
import pytest

from der_ros.control.sensor.bias_rules import BiasRefusedError, BiasRules
from der_ros.geometry import Wrench
from der_ros.parameters.ft_bridge import BiasParameters


def force(newtons):
    return Wrench(np.array((0.0, 0.0, newtons)), np.zeros(3))


@pytest.fixture
def rules():
    return BiasRules(BiasParameters())


def check(rules, now_s, felt, reading=None):
    rules.check_contact("bias", now_s, felt, lambda: reading)


def test_a_free_tool_is_biased(rules):
    check(rules, 0.0, force(9.9))


def test_a_second_look_accepts_a_weight(rules):
    with pytest.raises(BiasRefusedError):
        check(rules, 100.0, force(38.0))
    with pytest.raises(BiasRefusedError):
        check(rules, 101.9, force(38.0))
    check(rules, 102.0, force(38.0))


def test_a_refusal_is_forgotten(rules):
    with pytest.raises(BiasRefusedError):
        check(rules, 100.0, force(38.0))
    with pytest.raises(BiasRefusedError):
        check(rules, 161.0, force(38.0))


def test_a_first_bias_has_limits_of_its_own(rules):
    check(rules, 0.0, None, force(299.0))
    with pytest.raises(BiasRefusedError, match="first bias"):
        check(rules, 0.0, None, force(301.0))


def test_no_bias_in_an_attempt(rules):
    rules.hear_attempt(10.0)
    with pytest.raises(BiasRefusedError, match="an attempt runs"):
        rules.check_attempt("bias", 10.49)
    rules.check_attempt("bias", 10.51)
