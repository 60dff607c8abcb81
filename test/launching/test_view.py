"""URDF for robot_state_publisher, with the names of the robot's own driver."""

import pytest

from der_ros.drivers.arm.links import Links
from der_ros.launching.view import _description


@pytest.mark.parametrize("names", [{}, {"joint_names": [""]}])
def test_without_names_the_urdfs_own_are_kept(names):
    # [""] is the default of cell_view's parameter, which ROS gives where a list is empty.
    links = Links(_description({"robot": "kr60", **names}))
    assert links.joint_names[:2] == ("joint_a1", "joint_a2")


def test_the_names_of_the_driver_are_used():
    names = [f"axis_{number}" for number in range(6)]
    links = Links(_description({"robot": "kr60", "base_frame": "world", "joint_names": names}))
    assert (links.links[0].name, links.joint_names) == ("world", tuple(names))


def test_another_number_of_names_starts_nothing():
    with pytest.raises(RuntimeError, match=r"nothing was started: .*expected 6, got 1"):
        _description({"robot": "kr60", "joint_names": ["a"]})
