"""The clock of a live replay, at given times."""

import pytest

from der_ros.offline_replay.live.playback import Playback

TIMES_S = [0.0, 0.06, 0.12, 0.18]


def begun(rate=1.0, position_s=0.0):
    playback = Playback(TIMES_S, rate)
    playback.begin(100.0, position_s)
    return playback


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
def test_the_recorded_time_runs_at_the_rate(rate):
    playback = begun(rate)
    assert playback.position_s(100.0) == 0.0
    assert playback.position_s(103.0) == pytest.approx(3.0 * rate)


def test_each_tick_is_due_once_at_its_time():
    playback = begun()
    due = {ms: playback.due(100.0 + 1e-3 * ms) for ms in (0, 30, 59, 61, 70, 121)}
    assert due == {0: 0, 30: None, 59: None, 61: 1, 70: None, 121: 2}


def test_a_fast_clock_passes_over_ticks():
    playback = begun(rate=10.0)
    assert playback.due(100.0) == 0
    assert playback.due(100.013) == 2


def test_a_pause_takes_no_recorded_time():
    playback = begun(rate=2.0)
    playback.hold(100.02)
    assert playback.is_held
    assert playback.position_s(150.0) == pytest.approx(0.04)
    playback.hold(150.0)
    playback.go_on(160.0)
    assert playback.position_s(160.01) == pytest.approx(0.06)
    assert not playback.is_held


def test_a_pause_outlasts_a_new_beginning():
    playback = begun()
    playback.hold(100.1)
    playback.rewind()
    playback.begin(200.0, 0.03)
    assert playback.position_s(300.0) == pytest.approx(0.03)
    playback.go_on(300.0)
    assert playback.position_s(300.03) == pytest.approx(0.06)


def test_a_jump_back_stands_at_the_first_tick():
    playback = begun()
    assert playback.due(100.13) == 2
    playback.rewind()
    assert playback.position_s(500.0) == 0.0
    assert playback.due(500.0) == 0
    playback.begin(600.0)
    assert playback.due(600.07) == 1


def test_it_is_over_a_tick_after_the_last():
    playback = begun()
    assert not playback.is_over(100.23, 0.06)
    assert playback.is_over(100.25, 0.06)
