import multiprocessing

import numpy as np

from der_ros.training.messages import PolicySnapshot
from der_ros.training.observation_filter import FilterStatistics
from der_ros.training.shared_snapshot import SharedSnapshot


def snapshot(value, updates):
    filtered = FilterStatistics(
        np.full(3, value + 1, np.float32), np.full(3, value + 2, np.float32), 10.0
    )
    return PolicySnapshot(np.full(5, value, np.float32), filtered, updates)


def test_reads_what_was_written_last():
    shared = SharedSnapshot(multiprocessing.get_context("spawn"), 5, 3, 10.0)
    assert shared.read() is None
    for value in (1.0, 2.0):
        shared.write(snapshot(value, int(10 * value)))
    got = shared.read()
    assert got is not None
    assert got.parameters.tolist() == [2.0] * 5
    assert got.filter.mean.tolist() == [3.0] * 3
    assert got.filter.std.tolist() == [4.0] * 3
    assert (got.filter.clip, got.updates, shared.version) == (10.0, 20, 2)


def test_a_copy_stays_as_it_was():
    shared = SharedSnapshot(multiprocessing.get_context("spawn"), 5, 3, 10.0)
    shared.write(snapshot(1.0, 1))
    before = shared.read()
    shared.write(snapshot(2.0, 2))
    assert before is not None
    assert before.parameters.tolist() == [1.0] * 5
