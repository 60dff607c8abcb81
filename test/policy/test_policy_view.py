"""Network inputs computed from an attempt's observations."""

import math

import numpy as np
import pytest
import torch

from der_ros.errors import ConfigurationError, ContractError
from der_ros.geometry import quaternion_from_rotation_vector, quaternion_multiply
from der_ros.policy.contract import CONTRACT_VERSION, VIEW_VERSION, PolicyContract
from der_ros.policy.export import export_policy
from der_ros.policy.policy_view import PolicyView, axes
from der_ros.policy.runtime import OnnxPolicy

LAGS = (1, 3, 1000)
CONTRACT = PolicyContract(
    "peg_in_hole", (0.05,) * 6, 0.06, symmetry=4, history=LAGS, orientation="axes"
)


def observations(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, 13))
    rows[:, 3:7] /= np.linalg.norm(rows[:, 3:7], axis=1, keepdims=True)
    return rows.astype(np.float32)


def turned(yaw_deg, tilt=(0.0, 0.0)):
    yaw = quaternion_from_rotation_vector((0.0, 0.0, math.radians(yaw_deg)))
    return quaternion_multiply(quaternion_from_rotation_vector((*tilt, 0.0)), yaw).tolist()


def exported(tmp_path, contract=CONTRACT):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(contract.input_size, 6), torch.nn.Tanh())
    path = tmp_path / "policy.onnx"
    export_policy(network, None, None, 1.0, contract, path, {})
    return OnnxPolicy.load(path, contract.task)


def test_a_plain_view_changes_nothing():
    view = PolicyView()
    assert view.is_plain
    rows = observations(3)
    assert np.array_equal(view.episode(rows), rows)


def test_earlier_observations_are_differences():
    rows = observations(6)
    seen = PolicyView((1, 3)).episode(rows)
    assert seen.shape == (6, 39)
    assert np.array_equal(seen[5], np.concatenate([rows[5], rows[5] - rows[4], rows[5] - rows[2]]))


def test_before_the_beginning_all_is_as_at_first():
    rows = observations(5)
    seen = PolicyView((2, 1000)).episode(rows)
    assert not seen[0, 13:].any()
    assert np.array_equal(seen[1, 13:26], rows[1] - rows[0])
    assert np.array_equal(seen[4, 26:], rows[4] - rows[0])


def test_a_view_begins_anew_with_an_attempt():
    view, rows = PolicyView(LAGS), observations(8)
    first = view.episode(rows)
    assert np.array_equal(view.episode(rows), first)


def test_a_view_goes_on_from_what_was_kept():
    rows = observations(9)
    whole, first, second = (PolicyView(LAGS, "axes") for _ in range(3))
    expected = whole.episode(rows)
    first.episode(rows[:5])
    second.restore(first.frames())
    assert np.array_equal(np.stack([second(row) for row in rows[5:]]), expected[5:])


@pytest.mark.parametrize("symmetry", [1, 2, 4])
@pytest.mark.parametrize("yaw_deg", [-180.0, -90.0, -45.0, 45.0, 90.0, 180.0])
def test_axes_have_no_jump(symmetry, yaw_deg):
    tilt = (0.02, -0.01)
    before, after = (axes(turned(yaw_deg + d, tilt), symmetry) for d in (-0.01, 0.01))
    assert before == pytest.approx(after, abs=2e-3)


def test_a_quaternion_and_its_negative_give_equal_axes():
    quaternion = turned(179.0, (0.05, 0.02))
    assert axes([-each for each in quaternion], 1) == pytest.approx(axes(quaternion, 1))


@pytest.mark.parametrize("symmetry", [2, 4])
def test_axes_of_turns_that_look_alike_are_the_same(symmetry):
    tilt = (0.03, -0.04)
    one, other = (axes(turned(yaw, tilt), symmetry) for yaw in (12.0, 12.0 + 360.0 / symmetry))
    assert one == pytest.approx(other)


def test_axes_tell_tilt_and_turn():
    x, y, sine, cosine = axes(turned(10.0, (0.0, 0.1)), 2)
    assert (x, y) == pytest.approx((math.sin(0.1), 0.0), abs=1e-12)
    assert (sine, cosine) == pytest.approx(
        (math.sin(math.radians(20.0)), math.cos(math.radians(20.0))), abs=1e-3
    )


@pytest.mark.parametrize("lags", [(0,), (2, 1), (1, 1), (1.0,), (1001,), tuple(range(1, 18))])
def test_wrong_lags_are_refused(lags):
    with pytest.raises(ConfigurationError, match="history: expected at most 16 ascending"):
        PolicyView(lags)


def test_an_unknown_orientation_is_refused():
    with pytest.raises(ConfigurationError, match="expected one of quaternion, axes, got 'euler'"):
        PolicyView((), "euler")


def test_the_view_travels_in_the_contract():
    read = PolicyContract.from_metadata(CONTRACT.to_metadata())
    assert read == CONTRACT
    assert (read.history, read.orientation, read.input_size) == (LAGS, "axes", 52)


def test_a_view_needs_a_newer_reader():
    assert CONTRACT.version == VIEW_VERSION
    plain = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
    assert plain.version == CONTRACT_VERSION
    with pytest.raises(ContractError, match="version: expected 1, got 2"):
        PolicyContract("lap_joint", (0.05,) * 6, 0.06, version=2).check()


def test_a_file_acts_on_the_observations_of_an_attempt(tmp_path):
    policy, rows = exported(tmp_path), observations(7)
    act = policy.for_attempt()
    actions = np.stack([act(row) for row in rows])
    expected = np.stack([policy(each) for each in CONTRACT.view().episode(rows)])
    assert np.array_equal(actions, expected)
    assert not np.array_equal(actions[6], policy.for_attempt()(rows[6]))


def test_the_network_does_not_fold_an_oriented_view(tmp_path):
    assert CONTRACT.folded_symmetry == 1
    rows = observations(1)
    policy = exported(tmp_path)
    turn = np.array(turned(90.0))
    other = rows[0].copy()
    other[3:7] = quaternion_multiply(rows[0, 3:7].astype(np.float64), turn)
    assert policy.for_attempt()(other) == pytest.approx(policy.for_attempt()(rows[0]), abs=1e-5)


def test_a_view_refuses_a_bare_observation(tmp_path):
    policy = exported(tmp_path)
    with pytest.raises(ContractError, match=r"expected shape \(52,\), got \(13,\)"):
        policy(observations(1)[0])
    with pytest.raises(ContractError, match=r"expected shape \(13,\), got \(52,\)"):
        policy.for_attempt()(np.zeros(52, np.float32))
