"""The gate: motion needs a stick seen at rest and a held dead-man button."""

import math

import pytest

from der_ros.errors import ConfigurationError
from der_ros.teleop.axis_map import load_map
from der_ros.teleop.gate import SILENCE_S, GateState, Reading, TeleopGate

REST = (0.0,) * 6
PUSHED = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
DEAD_MAN, SLOWER, FASTER, START, DISCARD = 0, 1, 2, 3, 5


def buttons(*down):
    return tuple(int(k in down) for k in range(7))


@pytest.fixture
def gate():
    return TeleopGate(load_map("keyboard"))


def feed(gate, *readings, dt=0.02, start=0.0):
    """Feed readings in order; return the time of the last."""
    time_s = start
    for axes, down in readings:
        time_s += dt
        gate.take(Reading(axes, buttons(*down), time_s))
    return time_s


def speed(gate, now_s):
    return float(gate.action(now_s)[0])


def test_it_moves_after_rest_with_the_button(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    assert gate.state(now) is GateState.LIVE
    assert speed(gate, now) == 1.0


def test_a_reading_counts_until_the_silence(gate):
    assert gate.valid_until_s() == -math.inf
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)))
    assert gate.valid_until_s() == pytest.approx(now + SILENCE_S)
    assert gate.state(gate.valid_until_s() - 1e-6) is GateState.LIVE
    assert gate.state(gate.valid_until_s() + 1e-6) is GateState.SILENT


def test_nothing_moves_before_a_device(gate):
    assert gate.state(0.0) is GateState.NO_DEVICE
    assert speed(gate, 0.0) == 0.0


def test_nothing_moves_before_rest_was_seen(gate):
    now = feed(gate, (PUSHED, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    assert gate.state(now) is GateState.NOT_NEUTRAL
    assert speed(gate, now) == 0.0


def test_release_is_zero_at_once(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)), (PUSHED, ()))
    assert gate.state(now) is GateState.RELEASED
    assert speed(gate, now) == 0.0


def test_a_button_with_a_pushed_stick_moves_nothing(gate):
    now = feed(gate, (REST, ()), (PUSHED, ()), (PUSHED, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    assert gate.state(now) is GateState.NOT_NEUTRAL
    now = feed(gate, (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)), start=now)
    assert speed(gate, now) == 1.0


def test_silence_is_rest(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    assert speed(gate, now + SILENCE_S) == 1.0
    assert gate.state(now + SILENCE_S + 0.001) is GateState.SILENT
    assert speed(gate, now + SILENCE_S + 0.001) == 0.0


def test_a_stuck_axis_is_no_command_after_a_silence(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    now = feed(gate, (PUSHED, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)), start=now + 1.0)
    assert gate.state(now) is GateState.NOT_NEUTRAL
    assert speed(gate, now) == 0.0


def test_speed_steps_down_and_up(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)))
    seen = []
    for button in (SLOWER, SLOWER, SLOWER, SLOWER, FASTER):
        pressed = (PUSHED, (DEAD_MAN, button)), (PUSHED, (DEAD_MAN,))
        now = feed(gate, *pressed, start=now)
        seen.append(speed(gate, now))
    assert seen == [0.5, 0.25, 0.1, 0.1, 0.25]


def test_a_press_is_reported_once(gate):
    presses = [(), (START,), (START,), (), (START, DISCARD)]
    told = [gate.take(Reading(REST, buttons(*down), 0.02 * k)) for k, down in enumerate(presses)]
    assert told == [(), ("start",), (), (), ("start", "discard")]


def test_a_button_held_through_a_silence_is_no_press(gate):
    feed(gate, (REST, ()))
    assert gate.take(Reading(REST, buttons(START), 5.0)) == ()
    assert gate.take(Reading(REST, buttons(), 5.02)) == ()
    assert gate.take(Reading(REST, buttons(START), 5.04)) == ("start",)


def test_a_device_that_lost_axes_is_refused(gate):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    with pytest.raises(ConfigurationError, match="the device has 2 axes"):
        gate.take(Reading((1.0, 0.0), buttons(DEAD_MAN), now + 0.02))
    assert speed(gate, now + SILENCE_S + 0.01) == 0.0


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_readings_that_are_not_finite_count_as_silence(gate, wrong):
    now = feed(gate, (REST, ()), (REST, (DEAD_MAN,)), (PUSHED, (DEAD_MAN,)))
    for k in range(1, 20):
        gate.take(Reading((wrong, *REST[1:]), buttons(DEAD_MAN), now + 0.02 * k))
    assert gate.refused == 19
    assert speed(gate, now + 0.4) == 0.0
