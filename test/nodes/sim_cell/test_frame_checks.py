"""Frames of a simulated cell: the same rotation in other numbers is the same frame."""

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.nodes.sim_cell.frame_checks import check_frame

PLACE = np.array((0.0, 0.0, 0.2))
HALF_TURN = Pose(PLACE, np.array((1.0, 0.0, 0.0, 0.0)))


@pytest.mark.parametrize("quaternion", [(-1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, -1e-9)])
def test_a_half_turn_of_either_sign_is_the_same(quaternion):
    check_frame("flange_from_tcp", "iiwa", HALF_TURN, Pose(PLACE, np.array(quaternion)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Pose(PLACE + 1e-4, HALF_TURN.quaternion), id="shifted"),
        pytest.param(Pose(PLACE, np.array((1.0, 0.0, 0.0, 1e-4))), id="turned"),
    ],
)
def test_another_frame_is_refused(other):
    with pytest.raises(ConfigurationError, match=r"flange_from_tcp: expected .* iiwa"):
        check_frame("flange_from_tcp", "iiwa", HALF_TURN, other)
