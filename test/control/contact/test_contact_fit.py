"""Fits of contacts that are none, each refused with a reason."""

import numpy as np
import pytest

from der_ros.control.contact.fit import ContactFit, ContactFitError, Descent, Estimate, fit_contact

CYCLE_S, SURFACE_M, STIFFNESS = 0.012, 0.035, 2e5


def press(stiffness=STIFFNESS, to_n=15.0, noise_n=0.0):
    """Return a press by drives that follow exactly."""
    height = SURFACE_M - np.linspace(0.0, to_n / stiffness, 40)
    force = stiffness * (SURFACE_M - height)
    force = force + np.random.default_rng(1).normal(scale=noise_n, size=40)
    return descent(0.0005, height, force)


def touch(mass_kg=60.0, speed=0.01):
    """Return a touch of a mass that nothing drives; the setpoint goes on at the speed."""
    time = CYCLE_S * np.arange(-12, 13)
    omega = (STIFFNESS / mass_kg) ** 0.5
    below = np.where(
        time < np.pi / omega, speed / omega * np.sin(omega * time), speed * (np.pi / omega - time)
    )
    height = SURFACE_M - np.where(time < 0.0, speed * time, below)
    force = STIFFNESS * np.maximum(0.0, SURFACE_M - height)
    return descent(speed, height, force)._replace(sent_mps=np.full(25, -speed))


def descent(speed, height, force):
    sent = np.diff(height, prepend=height[0] + speed * CYCLE_S) / CYCLE_S
    time = CYCLE_S * np.arange(len(height))
    return Descent(speed, time, height, sent, force, float(force.max()))


def fit(presses, touches):
    return fit_contact(presses, touches, np.random.default_rng(0))


def test_a_free_mass_on_a_spring_is_found():
    found = fit([press()] * 2, [touch(speed=speed) for speed in (0.005, 0.01, 0.015, 0.02)])
    assert found.stiffness_n_per_m.value == pytest.approx(STIFFNESS, rel=1e-6)
    assert found.mass_kg.value == pytest.approx(60.0, rel=0.1)


def without_a_pose(whole):
    keep = np.arange(len(whole.time_s)) != 14
    arrays = [each[keep] if isinstance(each, np.ndarray) else each for each in whole]
    return Descent(*arrays)


@pytest.mark.parametrize(
    ("presses", "touches", "expected"),
    [
        ([press()], [touch()] * 8, "presses: expected at least 2, got 1"),
        ([press()] * 2, [touch()] * 3, "touches: expected at least 4"),
        ([press()] * 2, [touch()] * 3 + [without_a_pose(touch())] * 3, "got 3 of 6"),
        ([press(), press(to_n=2.0)], [touch()] * 8, "press harder or slower"),
        ([press(), press(4e5)], [touch()] * 8, "impact stiffness: expected an interval"),
        (
            [press()] * 2,
            [touch(each) for each in (20.0, 20.0, 200.0, 200.0)],
            "mass: expected an interval",
        ),
    ],
)
def test_a_fit_that_is_none_is_refused(presses, touches, expected):
    with pytest.raises(ContactFitError, match=expected):
        fit(presses, touches)


def test_a_force_that_grows_upwards_is_refused():
    wrong = press()
    with pytest.raises(ContactFitError, match="grows with the depth"):
        fit([wrong._replace(height_m=wrong.height_m[::-1])] * 2, [touch()] * 8)


def test_a_peak_beyond_the_budgets_is_refused():
    exact = [Estimate(value, value, value) for value in (64.0, 2.5e5, 1e5)]
    # sqrt(64 * 2.5e5) + 1e5 (0.018 + 0.012) = 7000 N per m/s
    kept, broken = (ContactFit(*exact, ((0.02, peak),), 3, CYCLE_S) for peak in (139.0, 147.0))
    kept.check_peaks(0.018)
    assert kept.peak_share(0.018) == pytest.approx(139.0 / 140.0)
    with pytest.raises(ContactFitError, match="105 % of it; raise reaction_delay_s"):
        broken.check_peaks(0.018)
