"""Conditioning of a reading, computed by hand, without the defects of netft_utils."""

import math

import numpy as np
import pytest

from der_ros.drivers.netft.conditioning import (
    ConditioningConfig,
    FilterChoice,
    ForceLimits,
    WrenchConditioner,
    at_tool,
    dead_band,
    in_world_axes,
)
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2, Payload
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Pose, Wrench

TRUTH = Wrench.from_array(np.array((1.0, -2.0, 30.0, 0.1, 0.2, -0.3)))
DOWN = np.array((0.0, 0.0, -STANDARD_GRAVITY_MPS2))
UPRIGHT = np.array((0.0, 0.0, 0.0, 1.0))
S = math.sqrt(0.5)
ON_ITS_SIDE = np.array((0.0, S, 0.0, S))  # the sensor's x axis points down
TOOL = Payload(2.0, (0.1, 0.0, 0.2))
PUSH = Wrench.from_array(np.array((0.0, 4.0, 0.0, 0.0, 0.0, 1.0)))


def conditioner(**options):
    config = {
        "axis_signs": np.ones(6),
        "rate_hz": 250.0,
        "bias_samples": 4,
        "low_pass": FilterChoice(),
        "payload": Payload(),
        "gravity_mps2": DOWN,
        "gap_s": 0.1,
    }
    return WrenchConditioner(ConditioningConfig(**{**config, **options}))


def known(orientation):
    return lambda: orientation


def upwards(fz):
    return Wrench(np.array((0.0, 0.0, fz)), np.zeros(3))


@pytest.mark.parametrize(
    ("source_hz", "expected"), [(1000.0, 250), (250.0, 1000), (100.0, 1000), (300.0, 900)]
)
def test_the_rate_is_thinned_out_and_never_raised(source_hz, expected):
    path = conditioner()
    out = [path.take(TRUTH, i / source_hz) for i in range(1000)]
    # 300 Hz cannot be thinned evenly to 250: between half and all of the readings pass.
    low = 500 if source_hz == 300.0 else expected
    assert low - 2 <= sum(wrench is not None for wrench in out) <= max(expected, low) + 2


def test_signs_are_those_of_the_parameter():
    # netft_utils inverts Fx and Tx without documenting it.
    same = conditioner().take(TRUTH, 0.0)
    np.testing.assert_array_equal(same.raw.to_array(), TRUTH.to_array())
    signs = np.array((-1.0, 1.0, 1.0, -1.0, 1.0, 1.0))
    turned = conditioner(axis_signs=signs).take(TRUTH, 0.0)
    np.testing.assert_array_equal(turned.measured.to_array(), TRUTH.to_array() * signs)
    with pytest.raises(ConfigurationError, match="axis_signs"):
        conditioner(axis_signs=np.array((1.0, 1.0, 0.5, 1.0, 1.0, 1.0)))
    with pytest.raises(ConfigurationError, match="axis_signs: expected 1 or -1 six times"):
        conditioner(axis_signs=np.ones(1))


def test_non_finite_readings_are_dropped_and_counted():
    path = conditioner()
    assert path.take(Wrench(np.array((np.nan, 0, 0)), np.zeros(3)), 0.0) is None
    assert path.not_finite == 1
    with pytest.raises(ConnectionFailedError, match="fresh readings"):
        path.bias(0.0, 0.1)


def test_bias_is_the_mean_of_the_latest_readings():
    path = conditioner()
    for i, fz in enumerate((100.0, 1.0, 2.0, 3.0, 4.0)):
        path.take(upwards(fz), i * 0.004)
    bias, count = path.bias(0.02, 0.1)
    assert (count, path.biased) == (4, True)
    np.testing.assert_allclose(bias, (0, 0, 2.5, 0, 0, 0))
    taken = path.take(upwards(3.0), 0.1)
    np.testing.assert_allclose((taken.raw.force[2], taken.measured.force[2]), (3.0, 0.5))
    with pytest.raises(ConnectionFailedError):
        path.bias(1.0, 0.1)
    path.clear_bias()
    assert not path.biased
    assert path.take(upwards(3.0), 0.2).measured.force[2] == 3.0


def test_readings_from_before_a_gap_enter_no_bias():
    # A tool may have been changed while the sensor was silent.
    path = conditioner()
    for i in range(4):
        path.take(upwards(100.0), i * 0.004)
    path.take(upwards(3.0), 60.0)
    bias, count = path.bias(60.0, 0.1)
    assert (count, bias[2]) == (1, 3.0)


def test_a_low_rate_has_no_gaps():
    path = conditioner(rate_hz=1.0)
    for i in range(400):
        path.take(upwards(float(i // 100)), 0.01 * i)
    assert path.bias(4.0, 1.1)[1] == 4


def test_weight_is_taken_off_in_each_orientation():
    # netft_utils overwrites the compensated reading if the sensor is not biased.
    path = conditioner(payload=TOOL)
    for i, orientation in enumerate((UPRIGHT, ON_ITS_SIDE)):
        taken = path.take(TOOL.weight(orientation, DOWN) + PUSH, 0.1 * i, known(orientation))
        np.testing.assert_allclose(taken.measured.to_array(), PUSH.to_array(), atol=1e-12)
    offset = Wrench.from_array(np.arange(6.0))
    for i in range(4):
        path.take(TOOL.weight(UPRIGHT, DOWN) + offset, 1.0 + 0.1 * i, known(UPRIGHT))
    path.bias(1.31, 0.1)
    turned = path.take(TOOL.weight(ON_ITS_SIDE, DOWN) + offset + PUSH, 1.5, known(ON_ITS_SIDE))
    np.testing.assert_allclose(turned.measured.to_array(), PUSH.to_array(), atol=1e-12)


def test_compensation_needs_an_orientation():
    path = conditioner(payload=TOOL)
    assert path.take(TRUTH, 0.0, known(None)) is None
    assert "orientation" in path.blocked
    assert path.taken_s == -math.inf
    assert path.take(TRUTH, 0.1, known(UPRIGHT)) is not None
    assert path.blocked == ""
    path.set_payload(Payload())
    assert path.take(TRUTH, 0.2, known(None)) is not None


def test_another_payload_undoes_the_bias():
    path = conditioner()
    path.take(TRUTH, 0.0)
    path.bias(0.0, 0.1)
    path.set_payload(TOOL)
    assert not path.biased
    assert path.payload is TOOL


def test_every_reading_is_filtered():
    path = conditioner(low_pass=FilterChoice(1, 250.0))
    path.set_sample_rate(1000.0)  # the filter is now the mean of two readings
    readings = [path.take(upwards(fz), 0.001 * i) for i, fz in enumerate((0.0, 9.0, 9.0, 8.0, 2.0))]
    assert [taken.raw.force[2] for taken in readings if taken] == pytest.approx([0.0, 8.5])
    # After a gap the filter has no earlier reading.
    assert path.take(upwards(7.0), 1.0).raw.force[2] == pytest.approx(7.0)


def test_a_filter_that_cannot_be_blocks_and_says_why():
    path = conditioner(low_pass=FilterChoice(2, 100.0))
    assert path.take(TRUTH, 0.0) is None
    assert "sample_rate_hz" in path.blocked
    path.set_sample_rate(200.0)
    assert path.take(TRUTH, 0.1) is None
    assert "at most 0.45 of the sample rate of 200 Hz" in path.blocked
    path.set_sample_rate(500.0)
    assert path.take(TRUTH, 0.2) is not None
    with pytest.raises(ConfigurationError, match="cut-off"):
        path.set_filter(FilterChoice(2, 400.0))
    assert path.filters
    path.set_filter(FilterChoice())
    assert not path.filters


def test_dead_band_by_hand():
    widths = np.array((1.0, 1.0, 5.0, 0.2, 0.1, 0.0))
    np.testing.assert_allclose(dead_band(TRUTH, widths).to_array(), (0, -2, 30, 0, 0.2, -0.3))


def test_world_and_tool_axes_by_hand():
    world = in_world_axes(Wrench.from_array(np.array((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))), ON_ITS_SIDE)
    np.testing.assert_allclose(world.to_array(), (3, 2, -1, 6, 5, -4), atol=1e-12)
    # The sensor 0.1 m above the tool's point: a force along x there is a torque about y here.
    above = Pose(np.array((0.0, 0.0, 0.1)), UPRIGHT)
    tool = at_tool(Wrench.from_array(np.array((10.0, 0, 0, 0, 0, 0))), above)
    np.testing.assert_allclose(tool.to_array(), (10, 0, 0, 0, 1, 0), atol=1e-12)


@pytest.mark.parametrize(
    ("wrench", "exceeded"),
    [
        ((3, 4, 0, 0, 0, 0), False),
        ((3, 4.01, 0, 0, 0, 0), True),
        ((0, 0, 0, 0.6, 0.8, 0), False),
        ((0, 0, 0, 0.6, 0.81, 0), True),
        ((math.nan, 0, 0, 0, 0, 0), True),
    ],
)
def test_limits_are_on_magnitudes(wrench, exceeded):
    limits = ForceLimits(5.0, 1.0)
    assert limits.exceeded_by(Wrench.from_array(np.array(wrench, dtype=float))) is exceeded
