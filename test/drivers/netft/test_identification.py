"""Known payloads are identified; insufficient data is refused with a reason."""

import numpy as np
import pytest

from der_ros.drivers.netft.identification import RestReading, identify
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2, Payload
from der_ros.drivers.netft.rests import TimedReading, find_rests
from der_ros.errors import ConfigurationError
from der_ros.geometry import Wrench, quaternion_from_rotation_vector

DOWN = np.array((0.0, 0.0, -STANDARD_GRAVITY_MPS2))
TOOL = Payload(2.5, (0.01, -0.02, 0.15))
OFFSET = Wrench.from_array(np.array((3.0, -5.0, 12.0, 0.4, -0.1, 0.2)))


def tilts(angle_rad, directions=6):
    """Return the upright orientation, and some tilted about horizontal axes."""
    about = np.linspace(0.0, 2.0 * np.pi, directions, endpoint=False)
    vectors = [np.zeros(3), *[angle_rad * np.array((np.cos(a), np.sin(a), 0.0)) for a in about]]
    return [quaternion_from_rotation_vector(vector) for vector in vectors]


def readings(orientations, payload=TOOL, rng=None, noise=0.0):
    error = np.zeros((len(orientations), 6)) if rng is None else rng.standard_normal((99, 6))
    return [
        RestReading(payload.weight(q, DOWN) + OFFSET + Wrench.from_array(noise * error[i]), q)
        for i, q in enumerate(orientations)
    ]


def test_exact_readings_give_the_exact_payload():
    found = identify(readings(tilts(1.0)), DOWN)
    assert found.payload.mass_kg == pytest.approx(2.5)
    np.testing.assert_allclose(found.payload.center_of_mass_m, TOOL.center_of_mass_m, atol=1e-12)
    np.testing.assert_allclose(found.offset.to_array(), OFFSET.to_array(), atol=1e-10)
    assert found.force_residual_n < 1e-10
    assert found.condition < 5.0


def test_the_stated_errors_are_those_made():
    rng = np.random.default_rng(3)
    many = [identify(readings(tilts(1.0), rng=rng, noise=0.05), DOWN) for _ in range(300)]
    masses = np.array([found.payload.mass_kg for found in many])
    stated = np.sqrt(np.mean([found.mass_error_kg**2 for found in many]))
    assert masses.mean() == pytest.approx(2.5, abs=4.0 * stated / 300**0.5)
    assert masses.std() == pytest.approx(stated, rel=0.2)
    centers = np.array([found.payload.center_of_mass_m for found in many])
    stated = np.sqrt(np.mean([found.center_error_m**2 for found in many], axis=0))
    np.testing.assert_allclose(centers.std(axis=0), stated, rtol=0.2)


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        (readings(tilts(1.0)[:3]), "4 orientations or more, got 3"),
        (readings(tilts(0.05)), "orientations that differ more"),
        (readings([tilts(1.0)[0]] * 5), "orientations that differ more"),
        # All rotations are about one axis, so the first moment along it has no effect.
        (readings([quaternion_from_rotation_vector((0, 0, a)) for a in range(6)]), "differ more"),
        (readings(tilts(1.0), Payload(0.0)), "a mass of 0.02 kg or more, got 0.000"),
        (readings(tilts(1.0), rng=np.random.default_rng(0), noise=5.0), "residuals of"),
    ],
)
def test_what_is_refused(some, expected):
    with pytest.raises(ConfigurationError, match=expected):
        identify(some, DOWN)


def test_a_wrong_sign_is_not_a_payload():
    turned = [
        RestReading(Wrench.from_array(-r.wrench.to_array()), r.world_from_sensor)
        for r in readings(tilts(1.0))
    ]
    with pytest.raises(ConfigurationError, match="axis_signs"):
        identify(turned, DOWN)


def recording(orientations, rest_s, move_s, rate_hz=50.0):
    """Return rests with oscillating readings between them."""
    out, now = [], 0.0
    for i, orientation in enumerate(orientations):
        for k in range(int(rest_s * rate_hz)):
            swing = 20.0 * np.exp(-20.0 * k / rate_hz)
            out.append(TimedReading(now, np.full(6, i + swing), orientation))
            now += 1.0 / rate_hz
        for k in range(int(move_s * rate_hz)):
            moving = quaternion_from_rotation_vector((0.0, 0.0, 0.1 * (k + 1)))
            out.append(TimedReading(now, np.full(6, 1e3), moving))
            now += 1.0 / rate_hz
    return out


def test_each_rest_counts_once_when_it_has_settled():
    orientations = tilts(0.5)
    found = find_rests(recording([*orientations, orientations[1]], 1.0, 0.5))
    assert len(found) == len(orientations)
    for i, rest in enumerate(found):
        np.testing.assert_allclose(rest.wrench.to_array(), i, atol=0.01)
        np.testing.assert_allclose(rest.world_from_sensor, orientations[i])


def test_a_short_stop_is_no_rest():
    assert find_rests(recording(tilts(0.5), 0.3, 0.5)) == []
    assert find_rests([]) == []
