import multiprocessing

import numpy as np
import pytest

from der_ros.replay.transitions import Transitions
from der_ros.training.engine.interface import Sizes
from der_ros.training.engine.local.shared_memory import SLOTS, SharedFragments


def transitions(rows, seed):
    rng = np.random.default_rng(seed)
    shapes = ((rows, 3), (rows, 2), (rows,), (rows,), (rows, 3))
    return Transitions(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))


def test_each_slot_gives_back_what_was_written_to_it():
    shared = SharedFragments(multiprocessing.get_context("spawn"), Sizes(3, 2, 0, 0), 10)
    given = [transitions(rows, rows) for rows in (10, 1, 0, 7)]
    assert len(given) == SLOTS
    for slot, each in enumerate(given):
        shared.write(slot, each, np.arange(each.size, dtype=float) if slot % 2 == 0 else None)
    for slot, each in enumerate(given):
        got, td_errors = shared.read(slot, each.size, slot % 2 == 0)
        for mine, theirs in zip(got, each, strict=True):
            assert mine.shape == theirs.shape
            assert mine.tolist() == theirs.tolist()
        expected = list(range(each.size)) if slot % 2 == 0 else None
        assert (None if td_errors is None else td_errors.tolist()) == expected


def test_a_too_long_fragment_is_not_cut_silently():
    shared = SharedFragments(multiprocessing.get_context("spawn"), Sizes(3, 2, 0, 0), 10)
    with pytest.raises(ValueError, match="reshape"):
        shared.write(0, transitions(11, 0), None)
