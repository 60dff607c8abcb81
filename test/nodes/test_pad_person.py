"""The simulated person's sticks give the actions that are meant."""

import numpy as np
import pytest
from pad_person import readings

from der_ros.teleop.axis_map import DIRECTIONS, load_map


@pytest.mark.parametrize("name", ["xbox", "playstation", "spacemouse"])
@pytest.mark.parametrize("share", [1.0, -0.5, 0.02, 0.0])
def test_the_readings_give_the_action(name, share):
    axis_map = load_map(name)
    for k, direction in enumerate(DIRECTIONS):
        wanted = np.zeros(6)
        wanted[k] = share
        axes = readings(axis_map, wanted)
        mapped = share if direction in axis_map.axes else 0.0
        assert axis_map.action(axes)[k] == pytest.approx(mapped, abs=1e-9), direction
        assert axis_map.is_neutral(axes) == (mapped == 0.0)
