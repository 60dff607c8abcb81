import numpy as np
import pytest

from der_ros.envs.video_panel import PANEL_WIDTH, Moment, draw_panel


def moments(force_z_n, count=30):
    wrench = np.array([0.0, 0.0, force_z_n, 0.0, 0.0, 0.0])
    return [Moment(0.06 * k, 0.02, 0.01, wrench) for k in range(count)]


def draw(episode, height=420):
    return draw_panel("lap joint", "oracle, episode 1 of 3", episode, height)


def blue_rows(panel):
    """Return the rows of the upper plot that contain the line of the z axis."""
    red, green, blue = (panel[:, :, k].astype(int) for k in range(3))
    rows, _ = np.nonzero((blue > red + 100) & (blue > green + 50))
    return rows[(rows > 128) & (rows < 250)]


def test_the_panel_has_the_height_that_was_asked_for():
    assert draw(moments(0.0), 300).shape == (300, PANEL_WIDTH, 3)
    assert draw(moments(0.0)).dtype == np.uint8


def test_the_line_of_the_force_rises_and_falls_with_it():
    up, rest, down = (np.median(blue_rows(draw(moments(force)))) for force in (15.0, 0.0, -15.0))
    assert up + 30 < rest < down - 30


def test_a_larger_force_changes_the_scale():
    rows = blue_rows(draw(moments(480.0)))
    assert 128 < rows.min() <= rows.max() < 150


def test_the_line_is_as_long_as_the_time():
    def reach(count):
        panel = draw(moments(15.0, count)).astype(int)
        _, columns = np.nonzero(panel[140:250, :, 2] > panel[140:250, :, 0] + 100)
        return columns.max()

    assert reach(10) < reach(30) < reach(60)


@pytest.mark.parametrize(("success", "channel"), [(True, 1), (False, 0)])
def test_the_end_is_reported_in_its_colour(success, channel):
    episode = moments(0.0)
    before, after = draw(episode), draw([*episode[:-1], episode[-1]._replace(success=success)])
    changed = after[(before != after).any(axis=2)].astype(int)
    assert len(changed) > 100
    assert changed.mean(axis=0).argmax() == channel


def test_the_first_moment_alone_can_be_drawn():
    assert draw(moments(0.0, 1)).shape == (420, PANEL_WIDTH, 3)
