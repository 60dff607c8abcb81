import json

import numpy as np
import pytest

from der_ros.algorithms.mlp_policy import make_policy
from der_ros.training.config import make_config
from der_ros.training.rollout.exploration import make_exploration, make_noise


def gaussian_sigmas(worker, workers):
    noise = make_noise(make_config({"noise_min": 0.1, "noise_max": 0.8}), worker, workers)
    rng = np.random.default_rng(0)
    sigmas = []
    for _ in range(500):
        noise.start_episode(rng)
        sigmas.append(noise.sigma)
    return min(sigmas), max(sigmas)


def test_gaussian_noise_spreads_geometrically():
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


CHOICES = {"algorithm": "dqn", "exploration": "epsilon_greedy"}
OBSERVATION = np.zeros(2, np.float32)


def test_epsilon_is_ape_xs_ladder():
    made = [make_exploration(make_config(CHOICES), worker, 8, 1).epsilon for worker in range(8)]
    assert made == pytest.approx([0.4 ** (1 + worker) for worker in range(8)])


def test_one_worker_alone_walks_the_ladder():
    made, rng = make_exploration(make_config(CHOICES), 0, 1, 1), np.random.default_rng(0)
    seen = []
    for _ in range(300):
        made.start_episode(rng)
        seen.append(made.epsilon)
    assert (min(seen), max(seen)) == pytest.approx((0.4**8, 0.4), rel=0.1)


def test_epsilon_greedy_draws_that_often():
    made, rng = make_exploration(make_config(CHOICES), 0, 2, 1), np.random.default_rng(0)
    policy = make_policy("dqn", 2, (3,), 4)  # all alike: the best is the first
    others = [made.act(policy, OBSERVATION, rng)[0] == 0.0 for _ in range(3000)]
    assert np.mean(others) == pytest.approx(0.4 * 3 / 4, abs=0.03)


def test_sac_explores_by_its_own_draws():
    made = make_exploration(make_config({"algorithm": "sac", "exploration": "policy"}), 0, 1, 1)
    policy = make_policy("sac", 2, (3,), 1)
    got = made.act(policy, OBSERVATION, np.random.default_rng(5))
    assert got == policy.sample(OBSERVATION, np.random.default_rng(5)) != 0.0


def test_noisy_actions_stay_in_range():
    made = make_exploration(
        make_config({"noise_min": 0.8, "noise_max": 0.8, "action_dropout": 0.0}), 0, 1, 6
    )
    rng, policy = np.random.default_rng(0), make_policy("td3", 2, (3,), 6)
    made.start_episode(rng)
    actions = np.stack([made.act(policy, OBSERVATION, rng) for _ in range(200)])
    assert np.abs(actions).max() == 1.0
    assert actions.std() == pytest.approx(0.65, abs=0.1)


class _Saturated:
    """A policy that always returns the largest action."""

    action_size = 5

    def __call__(self, observation):
        return np.ones(self.action_size, np.float32)


def test_a_dropped_component_is_noise_in_an_episode():
    config = make_config({"noise_min": 0.01, "noise_max": 0.01, "action_dropout": 0.4})
    made, rng = make_exploration(config, 0, 1, 5), np.random.default_rng(3)
    dropped = []
    for _ in range(300):
        made.start_episode(rng)
        actions = np.stack([made.act(_Saturated(), OBSERVATION, rng) for _ in range(4)])
        follows = actions.mean(axis=0) > 0.5
        assert (np.abs(actions - follows).max(axis=0) < 0.1).all()
        dropped.append(~follows)
    assert np.mean(dropped, axis=0) == pytest.approx(np.full(5, 0.4), abs=0.1)
    assert 0.0 < np.mean([row.any() and not row.all() for row in dropped]) < 1.0


def test_the_mask_of_an_episode_is_saved():
    config = make_config({"action_dropout": 0.5})
    one, two = (make_exploration(config, 0, 1, 5) for _ in range(2))
    one.start_episode(np.random.default_rng(1))
    two.load_state(one.state())
    first, second = (
        made.act(_Saturated(), OBSERVATION, np.random.default_rng(2)) for made in (one, two)
    )
    assert first.tobytes() == second.tobytes()
    assert 0 < one.kept.sum() < 5
