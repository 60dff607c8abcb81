import multiprocessing

import numpy as np

from der_ros.training.engine.interface import PolicySnapshot, Sizes
from der_ros.training.engine.local.shared_memory import SharedSnapshot
from der_ros.training.rollout.observation_filter import FilterStatistics


def snapshot(value, updates):
    filtered = FilterStatistics(
        np.full(3, value + 1, np.float32), np.full(3, value + 2, np.float32), 10.0
    )
    networks = np.full(7, value + 3, np.float32)
    return PolicySnapshot(np.full(5, value, np.float32), filtered, updates, networks)


def shared_snapshot():
    return SharedSnapshot(multiprocessing.get_context("spawn"), Sizes(3, 1, 5, 7), 10.0)


def test_reads_what_was_written_last():
    shared = shared_snapshot()
    assert shared.read() is None
    for value in (1.0, 2.0):
        shared.write(snapshot(value, int(10 * value)))
    got = shared.read()
    assert got is not None
    assert got.parameters.tolist() == [2.0] * 5
    assert got.filter.mean.tolist() == [3.0] * 3
    assert got.filter.std.tolist() == [4.0] * 3
    assert got.networks.tolist() == [5.0] * 7
    assert (got.filter.clip, got.updates, shared.version) == (10.0, 20, 2)


def test_a_copy_stays_as_it_was():
    shared = shared_snapshot()
    shared.write(snapshot(1.0, 1))
    before = shared.read()
    shared.write(snapshot(2.0, 2))
    assert before is not None
    assert before.parameters.tolist() == [1.0] * 5


def test_a_writer_killed_half_way_holds_no_reader_up():
    shared = shared_snapshot()
    shared.write(snapshot(1.0, 1))
    shared._counters[0] += 1  # as after the death of a writer that was writing
    assert shared.read() is None
