"""Folding of symmetric poses agrees in NumPy, torch and the exported file."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from der_ros.geometry import quaternion_from_rotation_vector, quaternion_multiply
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import TOLERANCE, export_policy
from der_ros.policy.export.folding import Folding
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.symmetry import fold

angle = st.floats(-3.0, 3.0)


def observed(rotation_vector, turn=0.0):
    """Return an observation of a piece that is turned by the yaw ``turn`` before the rotation."""
    yaw = quaternion_from_rotation_vector((0.0, 0.0, turn))
    observation = np.arange(13, dtype=np.float32)
    observation[3:7] = quaternion_multiply(quaternion_from_rotation_vector(rotation_vector), yaw)
    return observation


def test_a_quarter_turn_of_a_square_piece_is_none():
    folded = fold(observed((0.0, 0.0, 0.5 * np.pi + 0.1)), 4)
    assert folded[3:7] == pytest.approx((0.0, 0.0, np.sin(0.05), np.cos(0.05)), abs=1e-7)
    assert np.delete(folded, range(3, 7)) == pytest.approx([0, 1, 2, 7, 8, 9, 10, 11, 12])


@given(x=angle, y=angle, z=angle, symmetry=st.sampled_from((2, 3, 4)), turns=st.integers(0, 5))
def test_orientations_that_look_alike_fold_alike(x, y, z, symmetry, turns):
    first = observed((x, y, z))
    other = observed((x, y, z), 2.0 * np.pi * turns / symmetry)
    folded = fold(np.stack((first, other)), symmetry)
    # Halfway between two equivalent orientations, either of them is right.
    one, two = (abs(row[6]) for row in folded)
    assert one == pytest.approx(two, abs=1e-6)
    ties = np.sort(np.abs([first[3:7] @ turn for turn in w_of_each(symmetry)]))
    if ties[-1] - ties[-2] > 1e-4 and one > 1e-4:
        assert folded[0] == pytest.approx(folded[1], abs=1e-5)


def w_of_each(symmetry):
    """Return vectors whose products with a quaternion are the w of its equivalents."""
    halves = np.pi * np.arange(symmetry) / symmetry
    return [np.array((0.0, 0.0, -np.sin(half), np.cos(half))) for half in halves]


@given(x=angle, y=angle, z=angle, symmetry=st.sampled_from((0, 1, 2, 4)))
def test_folding_twice_changes_nothing(x, y, z, symmetry):
    once = fold(observed((x, y, z)), symmetry)
    assert fold(once, symmetry) == pytest.approx(once, abs=1e-6)
    assert once[6] >= 0.0


def test_a_round_piece_has_no_yaw_to_speak_of():
    folded = fold(observed((0.0, 0.0, 1.234)), 0)
    assert abs(2.0 * np.arctan2(folded[5], folded[6])) < np.radians(3.0)


@pytest.mark.parametrize("symmetry", [0, 2, 4])
def test_torch_and_the_exported_file_fold_the_same(symmetry, tmp_path):
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(13, 6), torch.nn.Tanh())
    contract = PolicyContract("peg_in_hole", (0.05,) * 6, 0.06, symmetry=symmetry)
    path = tmp_path / "policy.onnx"
    assert export_policy(network, None, None, 10.0, contract, path, {}) <= TOLERANCE
    exported = OnnxPolicy.load(path, "peg_in_hole")
    assert exported.contract.symmetry == symmetry
    rows = np.random.default_rng(2).normal(size=(20, 13)).astype(np.float32)
    folded = fold(rows, symmetry)
    assert Folding(symmetry)(torch.from_numpy(rows).double()).numpy() == pytest.approx(
        folded, abs=1e-6
    )
    with torch.no_grad():
        wanted = network.double()(torch.from_numpy(folded).double()).numpy()
    assert np.stack([exported(row) for row in rows]) == pytest.approx(wanted, abs=TOLERANCE)


def test_a_file_from_before_folding_folds_nothing():
    metadata = PolicyContract("lap_joint", (0.05,) * 6, 0.06).to_metadata()
    del metadata["der_ros.symmetry"]
    assert PolicyContract.from_metadata(metadata).symmetry == 1
