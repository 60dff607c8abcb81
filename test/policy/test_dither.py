"""Dither pauses components of the action while the piece stays in one place, and only then."""

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.policy.dither import PATIENCE, PAUSE, PLACE_M, Dither

ACTION = np.array([1.0, -0.5, 0.25, -1.0, 0.75, 0.1], np.float32)
STEPS = 2000
# The fifth to eighth draw with a share of one half.
EXPECTED = [[0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 1, 0], [1, 0, 1, 1, 0, 0], [1, 0, 0, 1, 0, 1]]


def observations(distance_m):
    """Return observations of a piece that goes to and fro along x over ``distance_m``."""
    rows = np.zeros((STEPS, 13), np.float32)
    rows[::2, 0] = distance_m
    return rows


def dithered(share, rows):
    dither = Dither(share)
    return np.stack([dither(row, ACTION) for row in rows])


def test_an_action_is_unchanged_during_the_patience():
    actions = dithered(0.5, observations(0.0))
    assert np.array_equal(actions[: PATIENCE - 1], np.tile(ACTION, (PATIENCE - 1, 1)))
    assert not np.array_equal(actions[PATIENCE - 1 : 2 * PATIENCE], np.tile(ACTION, (21, 1)))


def test_each_component_pauses_in_its_share():
    actions = dithered(0.3, observations(0.9 * PLACE_M))[PATIENCE:]
    assert np.all((actions == 0.0) | (actions == ACTION))
    assert np.mean(actions == 0.0, axis=0) == pytest.approx(np.full(6, 0.3), abs=0.1)


def test_a_pause_lasts_for_several_actions():
    paused = dithered(0.5, observations(0.0))[PATIENCE:] == 0.0
    blocks = paused.reshape(-1, PAUSE, 6)
    assert np.all(blocks == blocks[:, :1])
    assert len(np.unique(blocks[:, 0], axis=0)) > 32


def test_components_pause_independently():
    paused = dithered(0.5, observations(0.0))[PATIENCE::PAUSE] == 0.0
    together = np.corrcoef(paused.T.astype(float))
    assert np.abs(together - np.eye(6)).max() < 0.2


def test_a_piece_that_moves_on_is_not_disturbed():
    actions = dithered(0.5, observations(1.1 * PLACE_M))
    assert np.array_equal(actions, np.tile(ACTION, (STEPS, 1)))


def test_the_dither_ends_when_the_piece_moves_on():
    rows = observations(0.0)
    rows[100:, 1] = 1.1 * PLACE_M
    assert np.array_equal(dithered(0.5, rows)[100], ACTION)


def test_an_array_that_is_used_again_does_no_harm():
    dither, row = Dither(0.5), np.zeros(13, np.float32)
    for step in range(200):
        row[0] = step * PLACE_M
        assert np.array_equal(dither(row, ACTION), ACTION)


def test_each_attempt_has_the_same_pauses():
    rows = observations(0.0)
    assert np.array_equal(dithered(0.5, rows), dithered(0.5, rows))


def test_the_draws_are_those_of_every_python():
    # Guaranteed for random.Random; a recorded attempt must replay on another computer.
    first = dithered(0.5, observations(0.0))[PATIENCE : PATIENCE + 4 * PAUSE : PAUSE] != 0.0
    assert first.astype(int).tolist() == EXPECTED


def test_without_a_share_the_action_itself_is_returned():
    assert Dither(0.0)(np.zeros(13, np.float32), ACTION) is ACTION


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ConfigurationError, match="dither: expected 0 or more and below 1, got"):
        Dither(share)
