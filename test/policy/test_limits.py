import dataclasses
import json

import pytest

from der_ros.errors import ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.limits import (
    compare_limits,
    limits_from_texts,
    limits_to_json,
)
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policies, shipped_policy

LIMITS = GovernorLimits(workspace_min_m=(-0.1, -0.1, 0.0), workspace_max_m=(0.1, 0.1, 0.2))
CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06, governor=LIMITS)


def test_rounded_training_limits_are_no_difference():
    rounded = dataclasses.replace(LIMITS, max_linear_speed_mps=0.05 * (1 + 1e-9))
    assert not any(compare_limits(CONTRACT, LIMITS))
    assert not any(compare_limits(CONTRACT, rounded))


@pytest.mark.parametrize(
    ("name", "looser", "tighter"),
    [
        ("max_angular_speed_radps", 0.1, 0.04),
        ("max_linear_acceleration_mps2", 2.0, 0.5),
        ("soft_force_n", 80.0, 20.0),
        ("hard_torque_nm", 80.0, 20.0),
        ("workspace_min_m", (-0.1, -0.2, 0.0), (-0.1, -0.05, 0.0)),
        ("workspace_max_m", (0.1, 0.1, 0.3), (0.1, 0.1, 0.1)),
    ],
)
def test_looser_and_tighter_limits_are_named(name, looser, tighter):
    found = compare_limits(CONTRACT, dataclasses.replace(LIMITS, **{name: looser}))
    (clause,) = found.looser
    assert clause.startswith(f"{name}: trained with ")
    assert str(looser) in clause
    found = compare_limits(CONTRACT, dataclasses.replace(LIMITS, **{name: tighter}))
    (clause,) = found.tighter
    assert clause.startswith(name)
    assert not found.looser + found.other


def test_another_yield_gain_is_neither():
    for gain in (5e-5, 2e-4):
        found = compare_limits(CONTRACT, dataclasses.replace(LIMITS, yield_gain_mps_per_n=gain))
        assert [len(clauses) for clauses in found] == [0, 0, 1]


def test_a_file_without_limits_is_judged_by_speeds():
    silent = dataclasses.replace(CONTRACT, governor=None)
    loose = dataclasses.replace(LIMITS, soft_force_n=400.0)
    assert not any(compare_limits(silent, loose))
    slow = dataclasses.replace(LIMITS, max_linear_speed_mps=0.01)
    assert compare_limits(silent, slow).tighter == (
        "max_linear_speed_mps: actions reach 0.05, the robot allows 0.01",
    )


def test_limits_in_json_read_back_exactly():
    assert GovernorLimits(**json.loads(limits_to_json(LIMITS))) == LIMITS


TEXTS = {
    field.name: str(getattr(LIMITS, field.name)).strip("()").replace(",", "")
    for field in dataclasses.fields(LIMITS)
}


def test_limits_as_texts_read_back_exactly():
    assert limits_from_texts(TEXTS) == LIMITS


@pytest.mark.parametrize(
    "change",
    [
        {"soft_force_n": "soft"},
        {"soft_force_n": ""},
        {"soft_force_n": "1 2"},
        {"soft_force_n": "nan"},
        {"workspace_min_m": "0 0"},
        {"strange": "1"},
    ],
)
def test_texts_that_are_no_limits_are_refused(change):
    with pytest.raises(ContractError, match="limits of the robot"):
        limits_from_texts(TEXTS | change)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_limit_that_is_missing_is_named(name):
    texts = {each: text for each, text in TEXTS.items() if each != name}
    with pytest.raises(ContractError, match=f"limits of the robot: expected {name}, got none"):
        limits_from_texts(texts)


@pytest.mark.parametrize("task", sorted(shipped_policies()))
def test_every_shipped_policy_holds_its_limits(task):
    limits = OnnxPolicy.load(shipped_policy(task)).contract.governor
    assert limits is not None
    assert limits.soft_force_n < limits.hard_force_n
