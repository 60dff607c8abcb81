import copy
from itertools import pairwise

import numpy as np
import pytest
import torch

from der_ros.algorithms.base import ALGORITHM_NAMES, LearnerConfig, make_algorithm
from der_ros.algorithms.mlp_policy import make_policy
from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.transitions import Transitions

SIZES = (4, 2)


def config(**options):
    return LearnerConfig(**{"hidden": (16, 16), "layer_norm": False, **options})


def transitions(rows=32, seed=0, **columns):
    rng = np.random.default_rng(seed)
    drawn = {
        "observation": rng.standard_normal((rows, 4)),
        "action": rng.uniform(-1, 1, (rows, 2)),
        "n_step_return": rng.standard_normal(rows),
        "discount": np.full(rows, 0.9),
        "next_observation": rng.standard_normal((rows, 4)),
    }
    return Transitions(**{k: v.astype(np.float32) for k, v in {**drawn, **columns}.items()})


def learner(name, seed=0, **options):
    return make_algorithm(name, config(**options), *SIZES, seed)


WEIGHTS = np.ones(32, np.float32)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_bootstraps_through_everything_but_termination(name):  # mistake 6
    made = learner(name, target_noise=0.0)
    ended = transitions(discount=np.zeros(32))
    other = Transitions(*ended[:4], -5.0 * ended.next_observation)
    assert made.td_errors(ended).tolist() == made.td_errors(other).tolist()
    going_on = transitions()
    moved = Transitions(*going_on[:4], -5.0 * going_on.next_observation)
    assert not np.allclose(made.td_errors(going_on), made.td_errors(moved))


@pytest.mark.parametrize("name", ["ddpg", "td3", "sac"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_learns_which_action_pays(name, layer_norm):
    """One step, reward -|a - a*|²: the policy must find a* = (0.5, -0.3)."""
    made = learner(name, layer_norm=layer_norm, learning_rate=5e-3)
    rng, best = np.random.default_rng(0), np.array([0.5, -0.3])
    for _ in range(1000):
        action = rng.uniform(-1, 1, (32, 2))
        batch = transitions(
            seed=int(rng.integers(1 << 30)),
            action=action,
            n_step_return=-np.square(action - best).sum(axis=1),
            discount=np.zeros(32),
        )
        made.update(batch, WEIGHTS)
    policy = make_policy(name, SIZES[0], (16, 16), SIZES[1])
    policy.set_parameters(made.policy_parameters())
    found = np.stack([policy(row) for row in transitions(seed=1).observation])
    assert np.abs(found - best).mean() < 0.15


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_importance_weights_scale_each_rows_part(name):
    """A row of weight zero moves the critics as little as a missing row."""
    batch = transitions()
    critics = "policy" if name == "dqn" else "critics"
    weights = WEIGHTS.copy()
    weights[16:] = 0.0
    spoilt = np.concatenate((batch.n_step_return[:16], np.full(16, 1e6))).astype(np.float32)
    one, two = learner(name, target_noise=0.0), learner(name, target_noise=0.0)
    one.update(batch, weights)
    two.update(Transitions(*batch[:2], spoilt, *batch[3:]), weights)
    assert (one.state()[critics] == two.state()[critics]).all()


def test_hard_targets_are_copied_at_their_interval():
    made = learner("ddpg", tau=1.0, target_interval=100)
    before = made.state()["target_critics"]
    for _ in range(3):  # 96 samples
        made.update(transitions(), WEIGHTS)
    assert (made.state()["target_critics"] == before).all()
    made.update(transitions(), WEIGHTS)
    state = made.state()
    assert (state["target_critics"] == state["critics"]).all()
    assert (state["target_policy"] == state["policy"]).all()


def test_only_networks_with_a_target_have_a_copy():
    targets = {
        name: {vector for vector in learner(name).vectors() if vector.startswith("target_")}
        for name in ALGORITHM_NAMES
    }
    assert targets["sac"] == {"target_critics"}
    assert targets["dqn"] == {"target_policy"}
    assert targets["ddpg"] == targets["td3"] == {"target_policy", "target_critics"}


def test_soft_targets_move_by_tau():
    made = learner("ddpg", tau=0.25)
    before = made.state()["target_critics"]
    made.update(transitions(), WEIGHTS)
    state = made.state()
    expected = 0.75 * before + 0.25 * state["critics"]
    assert state["target_critics"] == pytest.approx(expected, abs=1e-6)


def test_td3_delays_its_policy():
    made = learner("td3", policy_delay=3)
    before = made.policy_parameters()
    moved = []
    for _ in range(6):
        made.update(transitions(), WEIGHTS)
        moved.append(bool((made.policy_parameters() != before).any()))
        before = made.policy_parameters()
    assert moved == [False, False, True, False, False, True]


@pytest.mark.parametrize("name", ["ddpg", "td3"])
def test_the_critics_begin_alone(name):
    made = learner(name, policy_starts=3, policy_delay=1)
    policies, critics = [made.policy_parameters()], [made.state()["critics"]]
    for _ in range(4):
        made.update(transitions(), WEIGHTS)
        policies.append(made.policy_parameters())
        critics.append(made.state()["critics"])
    assert [bool((a != b).any()) for a, b in pairwise(policies)] == [False, False, False, True]
    assert all((a != b).any() for a, b in pairwise(critics))


def test_dqn_learns_which_choice_pays():
    made = learner("dqn", learning_rate=5e-3)
    rng = np.random.default_rng(0)
    for _ in range(300):
        batch = transitions(seed=int(rng.integers(1 << 30)))
        right = batch.observation[:, 0] > 0.0
        choice = rng.integers(2, size=32)
        made.update(
            batch._replace(
                action=np.eye(2, dtype=np.float32)[choice],
                n_step_return=(choice == right).astype(np.float32),
                discount=np.zeros(32, np.float32),
            ),
            WEIGHTS,
        )
    policy = make_policy("dqn", SIZES[0], (16, 16), SIZES[1])
    policy.set_parameters(made.policy_parameters())
    rows = transitions(rows=200, seed=1).observation
    assert np.mean([policy(row)[1] == (row[0] > 0.0) for row in rows]) > 0.95


def test_sacs_temperature_approaches_its_entropy():
    made = learner("sac", learning_rate=5e-3, target_entropy=-1.0, temperature=1e-3)
    for seed in range(1500):
        batch = transitions(seed=seed, discount=np.zeros(32))
        metrics = made.update(batch._replace(n_step_return=batch.action[:, 0]), WEIGHTS).metrics
    assert metrics["entropy"] == pytest.approx(-1.0, abs=0.4)
    assert metrics["temperature"] > 2e-3


def test_a_missing_gpu_is_a_sentence():
    if torch.cuda.is_available():
        assert make_algorithm("td3", config(device="cuda"), *SIZES, 0).device.type == "cuda"
        return
    with pytest.raises(ConfigurationError, match="choose cpu"):
        make_algorithm("td3", config(device="cuda"), *SIZES, 0)
    with pytest.raises(ConfigurationError, match="cpu or cuda"):
        make_algorithm("td3", config(device="gpu"), *SIZES, 0)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_a_restored_learner_goes_on_bit_for_bit(name):
    made = learner(name)
    for seed in range(5):
        made.update(transitions(seed=seed), WEIGHTS)
    again = learner(name, seed=99)
    again.load_state(copy.deepcopy(made.state()))
    for seed in range(5, 10):
        for each in (made, again):
            each.update(transitions(seed=seed), WEIGHTS)
    for key, value in made.state().items():
        assert (value == again.state()[key]).all(), key


def test_foreign_state_is_refused():
    with pytest.raises(CheckpointError, match="same sizes"):
        learner("td3").load_state(learner("td3", hidden=(8,)).state())


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_saved_numbers_that_are_not_finite_are_refused(name):
    whole = learner(name).state()
    for key in whole.keys() - {"counters", "generator"}:
        state = copy.deepcopy(whole)
        if state[key].dtype.kind == "f":
            state[key].flat[0] = np.nan
        else:
            state[key] = np.array(-1)  # the optimiser's step
        with pytest.raises(CheckpointError, match=r"^checkpoint: .*expected finite.* earlier"):
            learner(name).load_state(state)


def test_moments_of_another_size_are_refused():
    state = learner("td3").state()
    state["adam.policy.exp_avg"] = np.zeros(1, np.float32)  # torch would spread it over all
    with pytest.raises(CheckpointError, match="same sizes"):
        learner("td3").load_state(state)


def test_the_same_seed_gives_the_same_networks():
    before = torch.random.get_rng_state()
    one, two, other = learner("td3", 3), learner("td3", 3), learner("td3", 4)
    assert (one.policy_parameters() == two.policy_parameters()).all()
    assert (one.policy_parameters() != other.policy_parameters()).any()
    assert (torch.random.get_rng_state() == before).all()


def test_an_unknown_algorithm_is_refused():
    with pytest.raises(ConfigurationError, match="ddpg, td3, sac, dqn"):
        make_algorithm("sarsa", config(), *SIZES, 0)


@pytest.mark.parametrize(
    "options", [{"tau": 0.0}, {"hidden": ()}, {"policy_delay": 0}, {"temperature": 0.0}]
)
def test_refuses_what_cannot_work(options):
    with pytest.raises(ConfigurationError, match="expected"):
        config(**options)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_a_copy_gives_the_same_td_errors(name):
    one, two = (learner(name, seed, target_noise=0.0) for seed in (0, 1))
    one.update(transitions(), WEIGHTS)
    two.load_networks(one.networks())
    two.generator.set_state(one.generator.get_state())  # SAC draws the next action
    assert one.td_errors(transitions()).tolist() == two.td_errors(transitions()).tolist()
