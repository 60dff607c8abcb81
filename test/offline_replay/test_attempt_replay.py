"""A recorded attempt on the simulated KR 60, replayed through the nodes' cores."""

import math
from pathlib import Path

import pytest

from der_ros.errors import ConfigurationError
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.replay_report import differences_of, report_of
from der_ros.offline_replay.what_if import WhatIf, parse_parameters
from der_ros.policy.attempt import Outcome
from der_ros.policy.runtime import OnnxPolicy

BAGS = Path(__file__).resolve().parents[2] / "test" / "replay" / "bags"
BAG = BAGS / "kr60_success"
POLICY = BAGS / "lap_joint.onnx"


@pytest.fixture(scope="module")
def policy():
    return OnnxPolicy.load(POLICY)


def replayed(policy, **what_if):
    return replay_bag(BAG, policy, policy.contract.scale, what_if=WhatIf(**what_if))


def test_observations_are_rebuilt_bit_for_bit(policy):
    replay = replayed(policy)
    assert replay.ticks == replay.matched == 48
    assert replay.observations.samples == 48
    assert replay.observations.largest == 0.0


def test_actions_are_rebuilt_within_rounding(policy):
    assert replayed(policy).actions.largest < 1e-5


def test_most_applied_twists_are_rebuilt(policy):
    replay = replayed(policy)
    assert replay.applied.samples == replay.cycles == 245
    assert replay.applied.beyond < 0.15 * replay.cycles
    assert replay.applied.largest < 0.02


def test_the_verdict_is_rebuilt_at_its_time(policy):
    replay = replayed(policy)
    verdict, recorded = replay.recorded_side.verdict, replay.setup.result
    assert verdict.outcome is Outcome.SUCCESS
    assert recorded is not None
    assert verdict.at_s == pytest.approx(1e-9 * (recorded.ended_ns - replay.start_ns), abs=0.05)
    assert differences_of(replay) == []


def test_two_replays_are_the_same(policy):
    assert report_of(replayed(policy)) == report_of(replayed(policy))


def test_a_lost_sensor_is_a_fault_within_its_timeout(policy):
    side = replayed(policy, lose_sensor_after_s=1.0).changed_side
    assert side is not None
    assert side.verdict.outcome is Outcome.FAULT
    assert side.verdict.reason == "no force reading for 0.2 s"
    assert side.verdict.at_s == pytest.approx(1.2, abs=0.03)
    assert side.motion.interventions["STALE"] > 100


def test_a_lower_speed_limit_cuts_the_applied_twist(policy):
    speeds = []
    limit = WhatIf(parameters={"kuka_bridge.max_linear_speed_mps": 0.02})
    replay_bag(
        BAG,
        policy,
        policy.contract.scale,
        what_if=limit,
        on_sample=lambda _cycle, _force, _rebuilt, changed: speeds.append(changed.applied[:3]),
    )
    fastest = max(sum(v * v for v in speed) ** 0.5 for speed in speeds)
    assert fastest == pytest.approx(0.02, rel=1e-6)


def test_a_filter_of_the_sensor_smooths_what_is_felt(policy):
    hard = {"kuka_bridge.hard_force_n": 250.0}
    felt = replayed(policy, parameters=hard).changed_side
    smooth = replayed(policy, parameters={**hard, "ft_bridge.filter_cutoff_hz": 2.0}).changed_side
    assert felt.motion.fault == "the force or torque reached the hard limit"
    assert smooth.motion.fault is None
    with pytest.raises(ConfigurationError, match="filter cut-off: expected above 0 and at most"):
        replayed(policy, parameters={"ft_bridge.filter_cutoff_hz": 3000.0})


def test_commands_that_are_too_late_are_refused(policy):
    side = replayed(policy, latency_s=0.15).changed_side
    assert side is not None
    assert side.motion.refused["old"] > 40
    assert side.motion.interventions["STALE"] > 240


def test_a_hard_limit_that_is_met_latches(policy):
    parameters = {"kuka_bridge.hard_force_n": 100.0}
    side = replayed(policy, parameters=parameters).changed_side
    assert side is not None
    assert side.motion.fault == "the force or torque reached the hard limit"
    assert side.verdict.outcome is Outcome.FAULT


@pytest.mark.parametrize("name", ["max_linear_speed_mps", "kuka_bridge.no_such", "ft_bridge.x"])
def test_an_unknown_parameter_is_refused(name):
    with pytest.raises(ConfigurationError, match=r"kuka_bridge\.hard_force_n"):
        WhatIf(parameters={name: 1.0})


@pytest.mark.parametrize("text", ["kuka_bridge.hard_force_n", "kuka_bridge.hard_force_n=high"])
def test_a_parameter_without_a_number_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"node\.parameter=number"):
        parse_parameters([text])


@pytest.mark.parametrize("times", [{"latency_s": -1.0}, {"lose_sensor_after_s": -0.1}])
def test_a_time_below_zero_is_refused(times):
    with pytest.raises(ConfigurationError, match="at least 0"):
        WhatIf(**times)


@pytest.mark.parametrize(
    "change",
    [
        {"latency_s": 1e305},
        {"lose_sensor_after_s": math.nan},
        {"parameters": {"policy_server.pose_timeout_s": math.nan}},
        {"parameters": {"kuka_bridge.soft_force_n": math.inf}},
    ],
)
def test_a_change_that_is_not_finite_is_refused(change):
    with pytest.raises(ConfigurationError, match="expected"):
        WhatIf(**change)


def test_an_attempt_on_the_iiwa_is_rebuilt():
    policy = OnnxPolicy.load(BAGS / "peg_in_hole.onnx")
    replay = replay_bag(BAG.with_name("iiwa_success"), policy, policy.contract.scale)
    assert replay.setup.cycle_s == 0.01
    assert replay.ticks == replay.matched == 75
    assert replay.observations.largest == 0.0
    assert differences_of(replay) == []
