"""Detection of a sensor that repeats the same reading."""

import numpy as np

from der_ros.drivers.netft.stream import FrozenWatch
from der_ros.geometry import Wrench


def reading(last_count=0.0):
    return Wrench(np.array((1.0, 2.0, 3.0)), np.array((0.1, 0.2, 0.3 + last_count)))


def test_constant_counts_for_too_long_are_frozen():
    watch = FrozenWatch(1.0)
    said = [watch.frozen(reading(), 0.5 * step) for step in range(5)]
    assert said == [False, False, False, True, True]
    assert not watch.frozen(reading(1e-6), 2.5)
    assert not watch.frozen(reading(1e-6), 3.5)
    assert watch.frozen(reading(1e-6), 3.6)


def test_it_can_be_left_out():
    watch = FrozenWatch(0.0)
    assert not any(watch.frozen(reading(), float(step)) for step in range(100))
