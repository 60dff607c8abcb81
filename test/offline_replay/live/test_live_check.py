"""Checks of a live policy's answers, for policies that match the record and some that do not."""

from pathlib import Path

import numpy as np
import pytest

from der_ros.offline_replay.live.live_check import LiveCheck, TickMatch
from der_ros.offline_replay.live.played_bag import read_played_bag

BAG = read_played_bag(Path(__file__).parents[2] / "replay" / "bags" / "kr60_exact")
DT = BAG.policy.control_dt_s


def lap(check, ticks=BAG.ticks, change=lambda action: action, dt=DT, first=0):
    """Play one answer per tick."""
    check.begin_lap()
    for number, tick in enumerate(ticks, first):
        now_s = number * dt
        check.sent(now_s)
        check.acted(number, change(tick.action), now_s)
        check.observed(number, tick.observation, now_s)
        check.commanded([0.01] * 6, now_s)
    return check


def finding(check):
    (found,) = check.findings()
    return found


def test_the_recorded_answers_are_right():
    check = lap(LiveCheck(BAG, 1e-5))
    assert check.findings() == []
    assert (check.answers, check.compared, check.unknown) == (35, 35, 0)


def test_a_repeated_first_tick_is_one_answer():
    check = lap(LiveCheck(BAG, 1e-5), (*(BAG.ticks[0],) * 5, *BAG.ticks[1:]))
    assert check.findings() == []
    assert check.compared == 39


def test_a_different_action_is_reported_with_its_time():
    check = lap(LiveCheck(BAG, 1e-5), change=lambda action: action + np.float32(1e-3))
    assert "actions: 35 of 35 differ by more than 1e-05, by 0.001" in finding(check)


def test_a_tolerance_takes_a_difference():
    assert lap(LiveCheck(BAG, 0.01), change=lambda a: a + np.float32(1e-3)).findings() == []


def test_an_action_that_is_no_number_differs():
    check = lap(LiveCheck(BAG, 2.0), change=lambda action: action * np.float32(np.nan))
    assert "actions: 35 of 35" in finding(check)


def test_unrecorded_observations_are_reported():
    wrong = [tick._replace(observation=tick.observation + 1) for tick in BAG.ticks[:8]]
    check = lap(LiveCheck(BAG, 1e-5), [*wrong, *BAG.ticks[2:]])
    assert finding(check) == "observations: 8 of 41 are not in the bag"


def test_no_answer_is_reported():
    check = LiveCheck(BAG, 1e-5)
    check.begin_lap()
    assert "answered nothing" in finding(check)


def test_a_policy_that_stops_answering_is_reported():
    check = lap(LiveCheck(BAG, 1e-5), BAG.ticks[:20])
    for number in range(20, 36):
        check.sent(number * DT)
    assert finding(check).startswith("answers: 20 ticks were answered, expected 80% of 35")


def test_a_wrong_rate_is_reported():
    assert finding(lap(LiveCheck(BAG, 1e-5), dt=1.2 * DT)).startswith("rate: an action every 72.0")


def test_a_few_answers_tell_no_rate():
    assert lap(LiveCheck(BAG, 1e-5), BAG.ticks[:8], dt=1.2 * DT).findings() == []


@pytest.mark.parametrize("value", [0.051, -0.051, float("nan")])
def test_a_command_beyond_the_limits_is_reported(value):
    check = lap(LiveCheck(BAG, 1e-5))
    check.commanded([0.0, 0.0, value, 0.0, 0.0, 0.0], 0.0)
    assert finding(check).startswith("limits: 1 commands")


def test_at_rest_only_a_command_of_zero_is_right():
    check = lap(LiveCheck(BAG, 1e-5))
    check.rest(10.0)
    check.commanded([0.01] * 6, 9.9)
    check.commanded([0.0] * 6, 10.1)
    assert check.findings() == []
    check.commanded([0.0, 0.0, -0.001, 0.0, 0.0, 0.0], 10.1)
    assert finding(check).startswith("rest: 1 commands moved")
    check.move()
    check.commanded([0.01] * 6, 10.2)
    assert finding(check).startswith("rest: 1 commands moved")


def test_a_second_lap_begins_anew():
    check = lap(LiveCheck(BAG, 1e-5), BAG.ticks[:20])
    lap(check, first=100)
    assert check.findings() == []
    assert check.laps == 2


def test_a_fault_is_reported_once():
    check = lap(LiveCheck(BAG, 1e-5))
    check.fault("policy_server: no")
    check.fault("policy_server: no")
    assert check.findings() == ["policy_server: no"]


def remembering(lag):
    return BAG._replace(policy=BAG.policy._replace(longest_lag=lag))


def test_a_policy_that_remembers_is_compared_in_step():
    match = TickMatch(remembering(2))
    in_step = []
    for index in (0, 0, 1, 2, 2, 3, 4, 5):
        assert match.find(BAG.ticks[index].observation) == index
        in_step.append(match.is_in_step)
    assert in_step == [True, True, True, True, False, False, True, True]


def test_a_policy_with_memory_needs_the_bags_rate():
    check = LiveCheck(remembering(2), 1e-5)
    check.begin_lap()
    for number, tick in enumerate(tick for tick in BAG.ticks[1:] for _ in range(2)):
        check.observed(number, tick.observation, number * DT)
        check.acted(number, tick.action, number * DT)
    assert "needs rate:=1" in finding(check)
