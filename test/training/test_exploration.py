import json

import numpy as np
import pytest

from der_ros.training.config import make_config
from der_ros.training.exploration import make_noise


def gaussian_sigmas(worker, workers):
    noise = make_noise(make_config({"noise_min": 0.1, "noise_max": 0.8}), worker, workers)
    rng = np.random.default_rng(0)
    sigmas = []
    for _ in range(500):
        noise.start_episode(rng)
        sigmas.append(noise.sigma)
    return min(sigmas), max(sigmas)


def test_gaussian_noise_spreads_geometrically_over_workers_and_episodes():
    assert gaussian_sigmas(0, 1) == pytest.approx((0.1, 0.8), rel=0.03)
    middle = (0.1 * 0.8) ** 0.5
    assert gaussian_sigmas(0, 2) == pytest.approx((0.1, middle), rel=0.03)
    assert gaussian_sigmas(1, 2) == pytest.approx((middle, 0.8), rel=0.03)


def ornstein_uhlenbeck(worker, workers):
    config = make_config({"exploration": "ornstein_uhlenbeck", "noise_max": 0.1})
    return make_noise(config, worker, workers)


def test_ornstein_uhlenbeck_scales_as_ape_x_does():
    assert ornstein_uhlenbeck(0, 30).scale == pytest.approx(0.2 * 0.4)
    assert ornstein_uhlenbeck(29, 30).scale == pytest.approx(0.2 * 0.4**8)


def test_ornstein_uhlenbeck_by_hand():
    noise, rng = ornstein_uhlenbeck(0, 1), np.random.default_rng(1)
    noise.start_episode(rng)
    normal = np.random.default_rng(1).standard_normal((2, 3))
    first = 0.2 * normal[0]
    second = first - 0.15 * first + 0.2 * normal[1]
    assert noise.draw(rng, 3) == pytest.approx(0.2 * first, abs=1e-6)
    assert noise.draw(rng, 3) == pytest.approx(0.2 * second, abs=1e-6)
    noise.start_episode(rng)
    assert np.abs(noise.draw(np.random.default_rng(1), 3)) == pytest.approx(
        np.abs(0.2 * first), abs=1e-6
    )


@pytest.mark.parametrize("kind", ["gaussian", "ornstein_uhlenbeck"])
def test_noise_goes_on_from_its_state(kind):
    one, two = (make_noise(make_config({"exploration": kind}), 0, 1) for _ in range(2))
    rng = np.random.default_rng(3)
    one.start_episode(rng)
    one.draw(rng, 2)
    two.load_state(json.loads(json.dumps(one.state())))
    draws = [noise.draw(np.random.default_rng(4), 2) for noise in (one, two)]
    assert draws[0].tobytes() == draws[1].tobytes()
