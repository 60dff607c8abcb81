import gymnasium
import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import concatenate
from der_ros.training.config import make_config
from der_ros.training.engine.interface import PolicySnapshot
from der_ros.training.rollout.observation_filter import FilterStatistics
from der_ros.training.rollout.worker import RolloutWorker

LENGTH = 7


class Script(gymnasium.Env):
    """Seven steps; odd episodes succeed (terminated), even ones time out (truncated)."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    episode = 0

    def reset(self, *, seed=None, options=None):
        self.episode += 1
        self.t = 0
        return self._observation(), {}

    def step(self, action):
        self.t += 1
        over, succeeds = self.t == LENGTH, self.episode % 2 == 1
        info = {"success": over and succeeds}
        return self._observation(), 2.0**self.t, over and succeeds, over and not succeeds, info

    def _observation(self):
        return np.array([100.0 * self.episode + self.t], np.float32)


def worker(**options):
    config = make_config({"n_step": 3, "gamma": 0.5, "learning_starts": 0, **options})
    return RolloutWorker(config, Script(), 0, 1, np.random.SeedSequence(0))


def snapshot(size, value=0.0, observation_size=1):
    mean, std = np.zeros(observation_size, np.float32), np.ones(observation_size, np.float32)
    parameters = np.full(size, value, np.float32)
    return PolicySnapshot(parameters, FilterStatistics(mean, std, 10.0), 5, np.zeros(0, np.float32))


@pytest.mark.parametrize("steps", [1, 2, 5, 7, 28])
def test_any_fragment_length_gives_equal_transitions(steps):  # mistakes 5, 6 and 7
    made = worker()
    fragments = [made.collect(steps) for _ in range(28 // steps if steps != 5 else 6)]
    got = concatenate([f.transitions for f in fragments])
    first = got.observation[:, 0] // 100 == 1
    assert got.observation[first, 0].tolist() == [100 + t for t in range(LENGTH)]
    # rewards 2, 4 … 128 and γ = 1/2: r_t + r_{t+1}/2 + r_{t+2}/4 = 3 · 2^(t+1), shorter at the end
    assert got.n_step_return[first].tolist() == [6, 12, 24, 48, 96, 128, 128]
    assert got.discount[first].tolist() == [0.125] * 4 + [0.0] * 3
    assert got.next_observation[first, 0].tolist() == [103, 104, 105, 106, 107, 107, 107]
    second = got.observation[:, 0] // 100 == 2
    if second.sum() == LENGTH:  # a time limit: bootstrapped
        assert got.discount[second].tolist() == [0.125] * 5 + [0.25, 0.5]
    episodes = [e for f in fragments for e in f.report.episodes]
    assert [e.success for e in episodes[:3]] == [True, False, True][: len(episodes)]
    assert all((e.steps, e.episode_return) == (LENGTH, 254.0) for e in episodes)


def test_successes_are_whole_episodes():  # mistake 4
    made = worker()
    successes = [e for _ in range(14) for e in made.collect(3).successes]
    assert [e.steps for e in successes] == [LENGTH] * 3
    for number, episode in zip((1, 3, 5), successes, strict=True):
        assert episode.observations[:, 0].tolist() == [100 * number + t for t in range(8)]
        assert episode.success
        assert episode.terminated


def test_every_so_many_episodes_are_free_of_noise():
    made = worker(greedy_every=2, hidden=[4])
    made.set_policy(snapshot(4 + 4 + 4 + 1))  # all zero: the policy's action is 0
    fragment = made.collect(4 * LENGTH)
    assert [e.greedy for e in fragment.report.episodes] == [False, True, False, True]
    quiet = fragment.transitions.action[:, 0] == 0.0
    episode = fragment.transitions.observation[:, 0] // 100
    assert quiet[episode % 2 == 0].all()
    assert not quiet[episode % 2 == 1].any()


def test_it_acts_at_random_first_then_by_policy():
    made = worker(learning_starts=5, hidden=[4], greedy_every=1)
    saturated = snapshot(13, 1.0)
    made.set_policy(saturated)
    actions = made.collect(14).transitions.action[:, 0]
    assert len(set(actions[:5].tolist())) == 5
    assert (np.abs(actions[:5]) < 0.999).all()
    assert (actions[7:] > 0.999).all()


def test_wants_a_policy_at_first_and_then_at_intervals():
    made = worker(policy_interval=10, hidden=[4])
    assert made.wants_policy
    made.set_policy(snapshot(13))
    made.collect(9)
    assert not made.wants_policy
    made.collect(1)
    assert made.wants_policy
    assert made.collect(1).report.policy_updates == 5


def test_evaluation_leaves_the_rollout_in_order():
    made = worker(hidden=[4])
    made.set_policy(snapshot(13))
    made.collect(3)  # in the middle of an episode, which is abandoned
    report = made.evaluate(snapshot(13, 1.0), (7, 8, 9))
    assert report.episodes == 3
    fragment = made.collect(LENGTH)
    assert fragment.report.episodes[0].steps == LENGTH
    assert set(np.diff(fragment.transitions.observation[:, 0])) == {1.0}


class OfAnotherRelease(Script):
    def save_state(self):
        return {"t": self.t}

    def restore_state(self, state):
        raise ConfigurationError("expected another format")


def test_an_episode_of_another_release_is_dropped(caplog):
    config = make_config({"n_step": 3, "gamma": 0.5, "learning_starts": 0})
    before, after = (
        RolloutWorker(config, OfAnotherRelease(), 0, 1, np.random.SeedSequence(0)) for _ in range(2)
    )
    before.collect(3)
    after.load_state(before.state())
    assert "a fresh one begins: expected another format" in caplog.text
    (episode,) = after.collect(LENGTH).report.episodes
    assert episode.steps == LENGTH
