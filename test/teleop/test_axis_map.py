"""Axis maps: the shipped ones match their devices, invalid ones are refused by field."""

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.teleop.axis_map import load_map, map_names

# Axes and buttons of each device, as its driver numbers them, and its reading at rest.
PAD = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
AT_REST = {"xbox": (PAD, 11), "playstation": (PAD, 13), "spacemouse": ([0.0] * 6, 2)}
AT_REST["keyboard"] = ([0.0] * 6, 7)

RIGHT = """
axes:
  vx: {index: 0}
buttons: {dead_man: 0, start: 1, discard: 2}
"""


def write(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_every_shipped_map_has_a_device_here():
    assert map_names() == sorted(AT_REST)


@pytest.mark.parametrize("name", sorted(AT_REST))
def test_a_shipped_map_rests_with_its_device(name):
    axes, buttons = AT_REST[name]
    axis_map = load_map(name)
    axis_map.check_device(len(axes), buttons)
    assert axis_map.is_neutral(axes)
    assert not axis_map.action(axes).any()


def test_a_pulled_trigger_moves_down():
    axes = list(PAD)
    axes[5] = -1.0
    assert load_map("xbox").action(axes).tolist() == [0.0, 0.0, -1.0, 0.0, 0.0, 0.0]


def test_both_triggers_cancel_each_other():
    axes = list(PAD)
    axes[2] = axes[5] = -1.0
    assert not load_map("xbox").action(axes).any()


def test_speed_begins_at_zero_behind_the_dead_zone():
    axis_map = load_map("spacemouse")
    assert axis_map.action([0.1] + [0.0] * 5)[0] == 0.0
    assert axis_map.action([0.1001] + [0.0] * 5)[0] == pytest.approx(0.0001 / 0.9)
    assert axis_map.action([-1.0] + [0.0] * 5)[0] == -1.0


def test_a_device_that_lacks_an_axis_is_refused():
    with pytest.raises(ConfigurationError, match=r"axis 5 for vz.*the device has 4 axes"):
        load_map("xbox").check_device(4, 11)


def test_a_device_that_lacks_a_button_is_refused():
    with pytest.raises(ConfigurationError, match=r"button 7 for start.*and 6 buttons"):
        load_map("xbox").check_device(8, 6)


def test_a_map_of_your_own_is_read(tmp_path):
    axis_map = load_map(write(tmp_path, RIGHT))
    assert axis_map.action([1.0])[0] == 1.0
    assert axis_map.pressed("start", [0, 1, 0])
    assert not axis_map.pressed("redo", [1, 1, 1])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("vx", "vq", "axes: expected a mapping with some of vx"),
        ("index: 0", "index: -1", "axes.vx.index: expected an index from 0 to 255, got -1"),
        ("index: 0", "index: true", "axes.vx.index"),
        ("index: 0", "index: 0, scale: 2", "axes.vx.scale: expected a number from -1 to 1, got 2"),
        ("index: 0", "index: 0, span: 0", "axes.vx.span: expected at least 0.1 or at most -0.1"),
        ("index: 0", "index: 0, rest: up", "axes.vx.rest"),
        ("dead_man: 0, ", "", "buttons.dead_man: expected the index of a button, got None"),
        ("discard: 2", "discard: 2, fly: 3", "buttons: expected a mapping with some of dead_man"),
        ("buttons", "dead_zone: 0.7\nbuttons", "dead_zone: expected a number from 0 to 0.5"),
        ("  vx: {index: 0}", "  {}", "at least one of vx, vy"),
    ],
)
def test_a_wrong_map_is_refused_by_field(tmp_path, old, new, told):
    with pytest.raises(ConfigurationError) as caught:
        load_map(write(tmp_path, RIGHT.replace(old, new)))
    assert told in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_an_unknown_name_tells_those_that_there_are():
    with pytest.raises(ConfigurationError, match="keyboard, playstation, spacemouse, xbox"):
        load_map("wii")


@pytest.mark.parametrize("name", sorted(AT_REST))
def test_actions_are_never_beyond_one(name):
    axes, _ = AT_REST[name]
    rng = np.random.default_rng(0)
    axis_map = load_map(name)
    for _ in range(200):
        assert np.abs(axis_map.action(rng.uniform(-1.5, 1.5, len(axes)).tolist())).max() <= 1.0
