import numpy as np
import pytest

from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.transitions import Episode


def episode(steps=4, success=True, terminated=True):
    return Episode(
        np.zeros((steps + 1, 1), np.float32),
        np.zeros((steps, 1), np.float32),
        np.arange(steps, dtype=np.float32),
        terminated,
        False,
        success,
    )


SIZE = episode().bytes


def test_is_bounded_in_episodes_and_in_bytes():
    few, small = SuccessPool(3, 10**6), SuccessPool(100, 2 * SIZE)
    for steps in range(1, 11):
        few.add(episode(steps))
    for _ in range(10):
        small.add(episode())
    assert [e.steps for e in few] == [8, 9, 10]
    assert (len(small), small.bytes, small.added) == (2, 2 * SIZE, 10)


def test_draws_every_episode_and_stays_as_it_is():
    pool, rng = SuccessPool(10, 10**6), np.random.default_rng(0)
    for steps in (1, 2, 3):
        pool.add(episode(steps))
    assert {pool.draw(rng).steps for _ in range(100)} == {1, 2, 3}
    assert len(pool) == 3


@pytest.mark.parametrize("wrong", [episode(success=False), episode(terminated=False)])
def test_mistakes_4_and_5_only_whole_successes_count(wrong):
    with pytest.raises(ConfigurationError, match="whole episode that succeeded"):
        SuccessPool(3, 10**6).add(wrong)


def test_an_episode_beyond_the_bound_is_refused():
    pool = SuccessPool(3, SIZE - 1)
    with pytest.raises(ConfigurationError, match="raise the bound"):
        pool.add(episode())
    with pytest.raises(ConfigurationError, match="empty"):
        pool.draw(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("part", "value", "text"),
    [
        ("rewards", np.full(4, np.nan), "rewards of a success: expected finite"),
        ("observations", np.zeros((4, 1), np.float32), "one observation more"),
        ("actions", np.zeros(4, np.float32), "as many actions as rewards"),
        ("actions", None, "expected an array of numbers"),
        ("observations", np.zeros((5, 2), np.float32), "observations of a success: .* 1 numbers"),
        ("actions", np.zeros((4, 2), np.float32), "actions of a success: .* 1 numbers"),
    ],
)
def test_saved_arrays_of_no_episode_are_refused(part, value, text):
    pool = SuccessPool(3, 10**6)
    pool.add(episode())
    state = pool.state()
    SuccessPool(3, 10**6).load_state(state, 1, 1)
    state["episodes"][0][part] = value
    with pytest.raises(CheckpointError, match=text):
        SuccessPool(3, 10**6).load_state(state, 1, 1)
