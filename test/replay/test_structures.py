import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.replay.structures import STRUCTURE_NAMES, assign_demonstrations


def assign(structure, demonstrations=6, shards=6, seed=0):
    return assign_demonstrations(structure, demonstrations, shards, np.random.default_rng(seed))


def test_the_four_structures_of_figure_1():
    assert STRUCTURE_NAMES == ("no_demos", "one_shot_in_all", "all_shots_in_all", "one_shot_each")
    assert assign("no_demos") == ((),) * 6
    assert assign("all_shots_in_all") == ((0, 1, 2, 3, 4, 5),) * 6
    (first, *others) = assign("one_shot_in_all")
    assert len(first) == 1
    assert others == [first] * 5


@pytest.mark.parametrize("seed", range(30))
def test_mistake_8_shots_are_drawn_without_replacement(seed):
    assert sorted(assign("one_shot_each", seed=seed)) == [(k,) for k in range(6)]
    assert len(set(assign("one_shot_each", demonstrations=9, seed=seed))) == 6


def test_draws_depend_on_the_generator():
    assert len({assign("one_shot_in_all", seed=seed) for seed in range(30)}) == 6


@pytest.mark.parametrize(
    ("structure", "demonstrations"), [("one_shot_each", 5), ("one_shot_in_all", 0)]
)
def test_too_few_demonstrations_are_refused(structure, demonstrations):
    with pytest.raises(ConfigurationError, match=f"got {demonstrations}"):
        assign(structure, demonstrations)


def test_an_unknown_structure_is_refused():
    with pytest.raises(ConfigurationError, match="one_shot_each"):
        assign("three_shots")
