"""The record of a bridge's cycle: message round trip and content."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.control.bridge_motion import BridgeMotion
from der_ros.control.cycle_record import (
    NO_STAMP_NS,
    CycleRecord,
    CycleState,
    cycle_from_numbers,
    cycle_numbers,
)
from der_ros.control.motion_config import MotionConfig
from der_ros.drivers.kuka.rsi_records import RobotState
from der_ros.errors import BagError
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.policy.governor import GovernorLimits

CYCLE_S = 0.012
STAMP = st.integers(0, 2**31 * 10**9)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SIX = st.tuples(*[NUMBER] * 6)
LIMITS = GovernorLimits(workspace_min_m=(-1, -1, -1), workspace_max_m=(1, 1, 1))
X = Twist(np.array((0.01, 0.0, 0.0)), np.zeros(3))


@given(
    stamp_ns=STAMP,
    record=st.builds(
        CycleRecord,
        st.integers(1, 2**53),
        NUMBER,
        NUMBER,
        STAMP | st.just(NO_STAMP_NS),
        NUMBER,
        STAMP | st.just(NO_STAMP_NS),
        NUMBER,
        st.integers(0, 7),
        SIX,
    ),
)
def test_a_record_comes_back_bit_for_bit(stamp_ns, record):
    assert cycle_from_numbers(cycle_numbers(stamp_ns, record)) == (stamp_ns, record)


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0.0] * 17,
        [math.nan] * 18,
        [math.inf] * 18,
        [*[0.0] * 3, math.nan, *[0.0] * 14],  # the cycle's duration
        [*[0.0] * 17, math.inf],  # the last component of the twist
    ],
)
def test_other_numbers_are_refused(numbers):
    with pytest.raises(BagError, match="of a cycle"):
        cycle_from_numbers(numbers)


class Bench:
    """A bridge's motion on a test clock."""

    def __init__(self):
        self.now = 50.0
        self.motion = BridgeMotion(
            MotionConfig(Pose.identity(), Pose.identity(), LIMITS), lambda: self.now
        )

    def cycle(self):
        state = RobotState(Pose.identity(), None, 12, 0, CYCLE_S, self.now, 1)
        self.motion.on_cycle(state)
        self.now += CYCLE_S
        return self.motion.record_of(state)


def test_a_cycle_without_inputs_names_none():
    record = Bench().cycle()
    assert (record.number, record.command_ns, record.wrench_ns) == (1, NO_STAMP_NS, NO_STAMP_NS)
    assert record.is_in(CycleState.FROM_REST)
    assert record.twist == (0.0,) * 6


def test_a_cycle_names_its_command_and_wrench():
    bench = Bench()
    bench.cycle()
    bench.motion.accept_command(X, "task_frame", 0.02, 111)
    bench.motion.accept_wrench(Wrench(np.zeros(3), np.zeros(3)), 0.003, 222)
    record, now = bench.cycle(), bench.now - CYCLE_S
    assert (record.number, record.cycle_s, record.decided_s) == (2, CYCLE_S, now)
    assert (record.command_ns, record.command_since_s) == (111, now - 0.02)
    assert (record.wrench_ns, record.wrench_since_s) == (222, now - 0.003)
    assert record.twist == pytest.approx((0.01, 0, 0, 0, 0, 0))


def test_a_held_and_an_ending_cycle_say_so():
    bench = Bench()
    bench.motion.latch("stopped")
    assert bench.cycle().is_in(CycleState.HELD)
    bench.motion.reset()
    bench.motion.end()
    record = bench.cycle()
    assert not record.is_in(CycleState.HELD)
    assert record.is_in(CycleState.ENDING)


def test_a_state_that_was_not_decided_upon_has_none():
    bench = Bench()
    bench.cycle()
    other = RobotState(Pose.identity(), None, 13, 0, CYCLE_S, bench.now, 1)
    assert bench.motion.record_of(other) is None
