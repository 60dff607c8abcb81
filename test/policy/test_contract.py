import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.governor import GovernorLimits

GOVERNOR = GovernorLimits(workspace_min_m=(-0.1, -0.1, -0.1), workspace_max_m=(0.1, 0.1, 1 / 3))
CONTRACT = PolicyContract("lap_joint", (0.05,) * 6, 0.06, filter_clip=5.0, governor=GOVERNOR)
positive = st.floats(1e-300, 1e300)


@given(limits=st.tuples(*[positive] * 6), period=positive, clip=st.none() | positive)
def test_metadata_reads_back_exactly(limits, period, clip):
    contract = PolicyContract("peg", limits, period, filter_clip=clip, governor=GOVERNOR)
    assert PolicyContract.from_metadata(contract.to_metadata()) == contract


def test_other_metadata_is_left_alone():
    assert PolicyContract.from_metadata(CONTRACT.to_metadata() | {"author": "me"}) == CONTRACT


def test_a_task_gives_its_name_and_its_limits():
    task = SimpleNamespace(name="lap_joint", speed_limits=np.array([0.05, 0.05, 0.05, 0.1, 0.1, 1]))
    contract = PolicyContract.for_task(task, 0.06, GOVERNOR)
    assert (contract.task, contract.control_dt_s, contract.governor) == (
        "lap_joint",
        0.06,
        GOVERNOR,
    )
    assert contract.scale(np.array([1, -1, 0.5, 0, 0, -1], np.float32)) == pytest.approx(
        [0.05, -0.05, 0.025, 0.0, 0.0, -1.0]
    )


def test_scaling_never_exceeds_the_limits():
    assert CONTRACT.scale(np.full(6, 1.0000005, np.float32)).max() == 0.05


def test_missing_metadata_is_named():
    metadata = CONTRACT.to_metadata()
    del metadata["der_ros.task"], metadata["der_ros.control_dt_s"]
    with pytest.raises(ContractError, match=r"missing der_ros\.task, der_ros\.control_dt_s"):
        PolicyContract.from_metadata(metadata)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("task", "lap_joint"),
        ("task", "7"),
        ("action_limits", "[1, 2, null, 4, 5, 6]"),
        ("action_limits", "[1, 2, 3]"),
        ("action_limits", "[1, 2, 3, 4, 5, -6]"),
        ("observation_names", '"x"'),
        ("control_dt_s", "true"),
        ("control_dt_s", "NaN"),
        ("filter_clip", "-1"),
        ("version", "1.5"),
        ("sensor_filter_hz", "-1"),
        ("sensor_filter_hz", '"off"'),
        ("dither", "1"),
        ("dither", "null"),
        ("governor", "[]"),
        ("governor", '{"soft": 1}'),
    ],
)
def test_metadata_of_another_type_is_refused_by_name(name, text):
    metadata = CONTRACT.to_metadata() | {f"der_ros.{name}": text}
    with pytest.raises(ContractError, match=name):
        PolicyContract.from_metadata(metadata)


def test_an_older_file_was_trained_without_a_filter():
    metadata = dataclasses.replace(CONTRACT, sensor_filter_hz=35.0).to_metadata()
    assert PolicyContract.from_metadata(metadata).sensor_filter_hz == 35.0
    del metadata["der_ros.sensor_filter_hz"]
    assert PolicyContract.from_metadata(metadata).sensor_filter_hz == 0.0


def test_an_older_file_has_no_dither():
    metadata = dataclasses.replace(CONTRACT, dither=0.5).to_metadata()
    assert PolicyContract.from_metadata(metadata).dither == 0.5
    del metadata["der_ros.dither"]
    assert PolicyContract.from_metadata(metadata).dither == 0.0


def test_every_difference_is_named_at_once():
    other = dataclasses.replace(
        CONTRACT,
        frame="base",
        version=2,
        observation_names=CONTRACT.observation_names[::-1],
        action_units=("m",) * 6,
    )
    softer = dataclasses.replace(GOVERNOR, soft_force_n=20.0)
    with pytest.raises(ContractError) as caught:
        other.check(task="peg_in_hole", governor=softer)
    for word in (
        "frame: expected task, got base",
        "version: expected 1, got 2",
        "observation_names",
        "action_units",
        "task: expected peg_in_hole, got lap_joint",
        "governor",
    ):
        assert word in str(caught.value)
    CONTRACT.check(task="lap_joint", governor=GOVERNOR)


@pytest.mark.parametrize("period_s", [1e-300, 9e-4, 10.1, 1e300])
def test_a_period_that_no_timer_keeps_is_refused(period_s):
    contract = dataclasses.replace(CONTRACT, control_dt_s=period_s)
    with pytest.raises(ContractError, match=r"control_dt_s: expected 0\.001 to 10 s, got"):
        contract.check()


def test_metadata_is_json():
    assert json.loads(CONTRACT.to_metadata()["der_ros.governor"])["workspace_max_m"][2] == 1 / 3
