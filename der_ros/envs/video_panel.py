"""Panel beside a video's picture: task, distance to the goal and wrench over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PANEL_WIDTH = 340
_PAPER, _INK, _FAINT, _GRID = (250, 251, 252), (28, 34, 42), (128, 137, 148), (222, 226, 231)
_GOOD, _BAD = (36, 134, 62), (190, 48, 40)
_AXES = (("x", (204, 62, 54)), ("y", (44, 140, 68)), ("z", (38, 92, 190)))
_MARGIN = 16
_NUMBERS_TOP, _PLOTS_TOP = 64, 108
_LEGEND_HEIGHT, _LEFT_OF_PLOT = 22, 42
# Increment of the time axis.
_SPAN_S = 4.0
# Supersampling factor, for smooth lines.
_OVERSAMPLING = 2

Color = tuple[int, int, int]


class Moment(NamedTuple):
    """Values that the panel shows for one instant of an episode.

    Attributes:
        time_s: Time since the start of the episode, s.
        distance_m: Distance to the goal, m.
        angle_rad: Angle to the goal, rad.
        wrench: Wrench less the bias, (6,) N and Nm, task axes about the tcp.
        success: Outcome of the episode; None while it runs.
    """

    time_s: float
    distance_m: float
    angle_rad: float
    wrench: NDArray[np.float64]
    success: bool | None = None


def draw_panel(
    title: str, subtitle: str, moments: Sequence[Moment], height: int
) -> NDArray[np.uint8]:
    """Draw the panel for the last of ``moments``; the plots show all of them.

    Args:
        title: Title line.
        subtitle: Line below the title.
        moments: Moments of the episode so far, at least one.
        height: Height of the panel, pixels.

    Returns:
        RGB image, (height, PANEL_WIDTH, 3) uint8.
    """
    canvas = _Canvas(PANEL_WIDTH, height)
    now = moments[-1]
    canvas.text(_MARGIN, 12, title, 19)
    canvas.text(_MARGIN, 38, subtitle, 13, _FAINT)
    if now.success is not None:
        word, color = ("success", _GOOD) if now.success else ("failed", _BAD)
        canvas.text(PANEL_WIDTH - _MARGIN, 12, word, 19, color, anchor="ra")
    _draw_numbers(canvas, now)
    times = np.array([moment.time_s for moment in moments])
    wrenches = np.array([moment.wrench for moment in moments])
    each = (height - _PLOTS_TOP - 26) // 2
    _draw_plot(canvas, _PLOTS_TOP, each, "force, N", times, wrenches[:, :3], 20.0)
    _draw_plot(canvas, _PLOTS_TOP + each, each, "torque, Nm", times, wrenches[:, 3:], 0.5)
    canvas.text(PANEL_WIDTH - _MARGIN, height - 22, f"{_time_span_s(times):g} s", 11, _FAINT, "ra")
    canvas.text(_LEFT_OF_PLOT, height - 22, "0", 11, _FAINT, "ma")
    return canvas.pixels()


def _draw_numbers(canvas: _Canvas, now: Moment) -> None:
    numbers = {
        "time": f"{now.time_s:.1f} s",
        "distance": f"{1e3 * now.distance_m:.1f} mm",
        "angle": f"{math.degrees(now.angle_rad):.1f}°",
    }
    for column, (name, value) in enumerate(numbers.items()):
        left = _MARGIN + 104 * column
        canvas.text(left, _NUMBERS_TOP, name, 12, _FAINT)
        canvas.text(left, _NUMBERS_TOP + 14, value, 17)


def _draw_plot(
    canvas: _Canvas,
    top: int,
    height: int,
    name: str,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    smallest: float,
) -> None:
    """Draw a plot of three axes over time below their current values.

    Args:
        canvas: Canvas to draw on.
        top: Top pixel row.
        height: Height including the legend, pixels.
        name: Name of the quantity with its unit.
        times: Times, (n,) s.
        values: Values of the three axes, (n, 3).
        smallest: Smallest half range of the ordinate.
    """
    span = _nice_span(max(smallest, float(np.abs(values).max())))
    right, bottom = PANEL_WIDTH - _MARGIN, top + height - 8
    canvas.text(_MARGIN, top, name, 13)
    for number, (axis, color) in enumerate(_AXES):
        text = f"{axis} {_number(values[-1, number], span)}"
        canvas.text(right - 70 * (2 - number), top, text, 13, color, anchor="ra")
    middle, half = (top + _LEGEND_HEIGHT + bottom) / 2, (bottom - top - _LEGEND_HEIGHT) / 2
    for level in (-1, 0, 1):
        row = middle - level * half
        canvas.line([(_LEFT_OF_PLOT, row), (right, row)], _FAINT if level == 0 else _GRID, 1)
        canvas.text(_LEFT_OF_PLOT - 5, row, f"{level * span:g}", 11, _FAINT, anchor="rm")
    across = (right - _LEFT_OF_PLOT) / _time_span_s(times)
    for number, (_, color) in enumerate(_AXES):
        rows = middle - half * values[:, number] / span
        points = zip((_LEFT_OF_PLOT + across * times).tolist(), rows.tolist(), strict=True)
        canvas.line(list(points), color, 2)


def _time_span_s(times: NDArray[np.float64]) -> float:
    return _SPAN_S * max(1, math.ceil(float(times[-1]) / _SPAN_S))


def _nice_span(largest: float) -> float:
    """Round up to 1, 2 or 5 times a power of 10."""
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= largest)


def _number(value: float, span: float) -> str:
    digits = 0 if span >= 100.0 else 1 if span >= 5.0 else 2
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding zero takes the sign off -0.0


class _Canvas:
    """Image with coordinates in final pixels, drawn at a multiple of its size."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        larger = (width * _OVERSAMPLING, height * _OVERSAMPLING)
        self._image = Image.new("RGB", larger, _PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, size: int, color: Color = _INK, anchor: str = "la"
    ) -> None:
        """Draw a text; ``anchor`` is a Pillow text anchor."""
        place = (x * _OVERSAMPLING, y * _OVERSAMPLING)
        self._draw.text(place, text, color, _font(size * _OVERSAMPLING), anchor)

    def line(self, points: Sequence[tuple[float, float]], color: Color, width: int) -> None:
        """Draw a line through all points; nothing for a single point."""
        larger = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points]
        self._draw.line(larger, color, width * _OVERSAMPLING, joint="curve")

    def pixels(self) -> NDArray[np.uint8]:
        """Return the finished image, (height, width, 3) uint8."""
        return np.asarray(self._image.resize(self._size, Image.Resampling.BOX))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
