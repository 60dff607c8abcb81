"""Weight of a payload, computed by hand."""

import math

import numpy as np
import pytest

from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2, Payload, payload_from_one_reading
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench

DOWN = np.array((0.0, 0.0, -STANDARD_GRAVITY_MPS2))
UPRIGHT = np.array((0.0, 0.0, 0.0, 1.0))
OVERHEAD = np.array((1.0, 0.0, 0.0, 0.0))  # half a turn about x: the sensor points down
S = math.sqrt(0.5)
ON_ITS_SIDE = np.array((0.0, S, 0.0, S))  # a quarter about y: the sensor's x axis points down


@pytest.mark.parametrize(
    ("orientation", "force", "torque"),
    [
        # Two kilograms at (0.1, 0, 0.2); G = 2 g.
        (UPRIGHT, (0, 0, -1), (0, 0.1, 0)),
        (OVERHEAD, (0, 0, 1), (0, -0.1, 0)),
        (ON_ITS_SIDE, (1, 0, 0), (0, 0.2, 0)),
    ],
)
def test_weight_by_hand(orientation, force, torque):
    weight = Payload(2.0, (0.1, 0.0, 0.2)).weight(orientation, DOWN)
    scale = 2.0 * STANDARD_GRAVITY_MPS2
    np.testing.assert_allclose(weight.force, np.array(force) * scale, atol=1e-12)
    np.testing.assert_allclose(weight.torque, np.array(torque) * scale, atol=1e-12)


def test_one_tilted_reading_gives_mass_and_lever():
    true = Payload(3.0, (0.0, 0.0, 0.15))
    reading = true.weight(ON_ITS_SIDE, DOWN)
    found = payload_from_one_reading(reading, STANDARD_GRAVITY_MPS2)
    assert found.mass_kg == pytest.approx(3.0)
    np.testing.assert_allclose(found.center_of_mass_m, true.center_of_mass_m)


@pytest.mark.parametrize("force", [(0.0, 0.0, -30.0), (1.0, 0.0, -30.0), (0.0, 0.0, 0.0)])
def test_a_reading_without_a_lever_is_refused(force):
    # netft_utils divides by fx, which is zero if the sensor points straight down.
    with pytest.raises(ConfigurationError, match="z axis tilted"):
        payload_from_one_reading(Wrench(np.array(force), np.zeros(3)), STANDARD_GRAVITY_MPS2)


@pytest.mark.parametrize(
    ("mass", "center"),
    [(-1.0, (0, 0, 0)), (float("nan"), (0, 0, 0)), (1.0, (0, 0)), (1.0, [math.inf] * 3)],
)
def test_what_is_refused(mass, center):
    with pytest.raises(ConfigurationError, match="payload"):
        Payload(mass, center)
