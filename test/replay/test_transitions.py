import numpy as np
import pytest

from der_ros.errors import CheckpointError
from der_ros.replay.transitions import (
    Episode,
    EpisodeRecorder,
    concatenate,
    n_step_transitions,
)

GAMMA = 0.5


def episode(rewards, terminated=False, truncated=False, success=False):
    steps = len(rewards)
    return Episode(
        np.arange(steps + 1, dtype=np.float32)[:, None],
        np.arange(steps, dtype=np.float32)[:, None] * 10,
        np.array(rewards, np.float32),
        terminated,
        truncated,
        success,
    )


# rewards 1, 2, 4, 8 and n = 3: returns 1+1+1, 2+2+2, 4+4, 8.
RETURNS = [3.0, 6.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("terminated", "truncated", "discounts"),
    [
        # Termination: no bootstrap if the window contains the last step.
        (True, False, [0.125, 0.0, 0.0, 0.0]),
        # A time limit is no termination: bootstrap, with γ to the power of the steps in the window.
        (False, True, [0.125, 0.125, 0.25, 0.5]),
        # The end of a fragment is no termination either.
        (False, False, [0.125, 0.125, 0.25, 0.5]),
    ],
)
def test_mistakes_6_and_7_three_step_returns_by_hand(terminated, truncated, discounts):
    got = n_step_transitions(episode([1, 2, 4, 8], terminated, truncated), 3, GAMMA)
    assert got.n_step_return.tolist() == RETURNS
    assert got.discount.tolist() == discounts
    assert got.observation[:, 0].tolist() == [0, 1, 2, 3]
    assert got.action[:, 0].tolist() == [0, 10, 20, 30]
    assert got.next_observation[:, 0].tolist() == [3, 4, 4, 4]


def test_one_step_transitions():
    got = n_step_transitions(episode([1, 2], terminated=True), 1, GAMMA)
    assert got.n_step_return.tolist() == [1, 2]
    assert got.discount.tolist() == [0.5, 0.0]
    assert got.next_observation[:, 0].tolist() == [1, 2]


def test_fragments_give_the_whole_episodes_transitions():
    whole = n_step_transitions(episode([1, 2, 4, 8, 16], terminated=True), 3, GAMMA)
    so_far = episode([1, 2, 4, 8])  # the episode continues
    first = n_step_transitions(so_far, 3, GAMMA, 0, 2)
    rest = n_step_transitions(episode([1, 2, 4, 8, 16], terminated=True), 3, GAMMA, 2)
    for joined, expected in zip(concatenate([first, rest]), whole, strict=True):
        assert joined.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("part", "value", "text"),
    [
        ("observations", np.full((3, 1), np.nan), "observations of the episode: expected finite"),
        ("rewards", [1.0, None], "rewards of the episode: expected an array of numbers"),
        ("actions", np.zeros((1, 1)), "all parts to have 2 steps"),
        ("sent", 3, "all parts to have 2 steps"),
        ("observations", np.zeros((3, 2)), "observations of the episode: .* 1 numbers"),
        ("actions", np.zeros((2, 6)), "actions of the episode: .* 1 numbers"),
    ],
)
def test_a_saved_recording_that_is_none_is_refused(part, value, text):
    recorder = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.9)
    for k in range(2):
        recorder.add(np.zeros(1, np.float32), float(k), np.ones(1, np.float32))
    other = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.9)
    other.load_state(recorder.state(), 1, 1)
    assert other.steps == 2
    with pytest.raises(CheckpointError, match=text):
        other.load_state({**recorder.state(), part: value}, 1, 1)
