"""Plot of an attempt over time: force, pose, twist, interventions and verdict."""

from __future__ import annotations

import math
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from der_ros.errors import BagError, ConfigurationError, printable
from der_ros.geometry import Array, Pose
from der_ros.offline_replay.attempt_replay import AttemptReplay, replay_bag
from der_ros.offline_replay.attempt_setup import APPLIED_TOPIC, POSE_TOPIC
from der_ros.offline_replay.plot.plotted_cycles import HELD, PlottedCycles
from der_ros.policy.governor import Intervention
from der_ros.tasks import make_task
from der_ros.whole_files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHTS = (2.0, 2.0, 1.0, 1.5, 1.2, 1.0)
_TITLE_COLUMNS, _TITLE_LINES = 105, 3
# Place of the panels, in parts of the figure. A layout engine would draw the figure twice.
_LEFT, _BOTTOM, _BETWEEN = 0.12, 0.045, 0.09
_RIGHT_WITHOUT_TEXT, _TEXT_WIDTH = 0.94, 0.0058
_TITLE_TOP, _TOP, _LINE_HEIGHT = 0.997, 0.987, 0.016
_DPI = 100
# Low compression: a tenth larger, in half the time.
_PNG = {"compress_level": 1}
_GRID_COLOR, _GRID_ALPHA = "#b0b0b0", 0.3
# A limit further above the curve than this factor is not drawn, since it would flatten the curve.
_IN_SIGHT = 2.5


def plot_bag(bag: Path, picture: Path) -> AttemptReplay:
    """Plot the recorded attempt in a bag, without running its policy.

    Raises:
        BagError: The bag cannot be read, or does not hold an attempt.
        ConfigurationError: matplotlib is not installed, or the file cannot be written.
    """
    plot = AttemptPlot(compares=False)
    replay = replay_bag(bag, None, None, on_sample=plot.cycles.add)
    if not replay.cycles:
        raise BagError(
            f"bag {bag}: expected {POSE_TOPIC} and {APPLIED_TOPIC} with the same stamps, "
            "there are none to draw"
        )
    plot.draw(picture, Path(os.path.realpath(bag)).name, replay)
    return replay


class AttemptPlot:
    """Collects the cycles of a replay and plots them.

    Args:
        compares: Draw the rebuilt twists beside the recorded ones.

    Attributes:
        cycles: Collected cycles.
    """

    def __init__(self, compares: bool = True) -> None:
        self.cycles = PlottedCycles()
        self._compares = compares

    def draw(self, path: Path, name: str, replay: AttemptReplay) -> None:
        """Write the plot to an image file.

        Raises:
            ConfigurationError: matplotlib is not installed, or the file cannot be written.
        """
        kind = path.suffix[1:].lower() or "png"
        # Other formats than PNG take no such options.
        options: dict[str, Any] = {"pil_kwargs": _PNG} if kind == "png" else {}
        try:
            # A recorded force may be absurdly large.
            with np.errstate(over="ignore", invalid="ignore"), whole_file(path) as part:
                self.figure(name, replay).savefig(part, format=kind, dpi=_DPI, **options)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"{path}: cannot be written ({reason})") from error

    def figure(self, name: str, replay: AttemptReplay) -> Figure:
        """Return the figure of a finished replay.

        Raises:
            ConfigurationError: matplotlib is not installed.
        """
        figure = _new_figure()
        axes = list(figure.subplots(len(_HEIGHTS), 1, sharex=True, height_ratios=_HEIGHTS))
        force, place, turned, speed, turning, governor = axes
        if self.cycles.rows:
            self._draw_force(force, replay)
            self._draw_pose(place, turned, replay)
            self._draw_twist(speed, 0, 1e3, "speed (mm/s)", replay)
            self._draw_twist(turning, 1, math.degrees(1.0), "turning (deg/s)", replay)
        self._draw_interventions(governor)
        governor.set_xlabel("time (s)")
        self._mark_verdicts(axes, replay)
        self._mark_pauses(axes, replay)
        _draw_grids(axes)
        for each in axes:
            if each.get_legend_handles_labels()[0]:
                each.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        title = _title(name, replay)
        figure.suptitle(title, y=_TITLE_TOP, va="top", fontsize="medium", parse_math=False)
        figure.subplots_adjust(
            left=_LEFT,
            right=_RIGHT_WITHOUT_TEXT - _TEXT_WIDTH * _longest_label(axes),
            bottom=_BOTTOM,
            top=_TOP - _LINE_HEIGHT * len(title.splitlines()),
            hspace=_BETWEEN,
        )
        return figure

    def _draw_force(self, axes: Axes, replay: AttemptReplay) -> None:
        limits, force_n = replay.setup.limits, self.cycles.column("force_n")
        axes.plot(self._time_s, force_n, color="tab:red", label="force")
        top_n = max(replay.stream.peak_force_n, limits.soft_force_n)
        for name, limit_n, color in (
            ("soft limit", limits.soft_force_n, "tab:orange"),
            ("hard limit", limits.hard_force_n, "black"),
        ):
            if limit_n <= _IN_SIGHT * top_n:
                axes.axhline(limit_n, color=color, ls="--", label=f"{name}, {limit_n:g} N")
            else:
                axes.plot([], [], " ", label=f"{name}, {limit_n:g} N: above")
        axes.set_ylabel("force (N)")

    def _draw_pose(self, place: Axes, turned: Axes, replay: AttemptReplay) -> None:
        """Draw the position of the piece in the task frame, and its angle to the nearest goal."""
        task, task_from_base = make_task(replay.setup.task), replay.setup.base_from_task.inverse()
        held = [
            task_from_base @ Pose(np.array(row.pose[:3]), np.array(row.pose[3:]))
            for row in self.cycles.rows
        ]
        for axis, label in enumerate(("x", "y", "z, 0: flush")):
            place_mm = [1e3 * float(pose.position[axis]) for pose in held]
            place.plot(self._time_s, place_mm, label=label)
        place.axhline(0.0, color="grey", lw=0.8)
        place.set_ylabel("piece (mm)")
        angles = [math.degrees(task.angle(pose, Pose.identity())) for pose in held]
        turned.plot(self._time_s, angles, color="tab:purple")
        turned.set_ylabel("turned (deg)")

    def _draw_twist(
        self, axes: Axes, half: int, scale: float, label: str, replay: AttemptReplay
    ) -> None:
        """Draw the linear (``half`` 0) or angular (``half`` 1) speeds times ``scale``."""
        curves: list[tuple[str, str, dict[str, Any]]] = [
            ("commanded", "commanded", {"color": "tab:orange", "lw": 1.2}),
            ("recorded", "applied", {"color": "black", "lw": 2.5, "alpha": 0.4}),
        ]
        if self._compares:
            curves.append(("rebuilt", "rebuilt", {"color": "tab:blue", "lw": 1.0}))
        if replay.changed_side is not None:
            curves.append(("changed", "what if", {"color": "tab:green", "lw": 1.0}))
        for name, text, style in curves:
            axes.plot(self._time_s, scale * self.cycles.column(name)[:, half], label=text, **style)
        limits = replay.setup.limits
        limit = (limits.max_linear_speed_mps, limits.max_angular_speed_radps)[half]
        axes.axhline(scale * limit, color="grey", ls="--", lw=0.8, label="limit")
        axes.set_ylabel(label)

    def _draw_interventions(self, axes: Axes) -> None:
        """Draw a row of bars for each kind of intervention that occurred."""
        happened = frozenset[str]().union(*(row.stepped_in for row in self.cycles.rows))
        kinds = [each.name for each in Intervention if each.name in happened]
        kinds += [HELD] if HELD in happened else []
        for number, kind in enumerate(kinds):
            color = "tab:red" if kind == HELD else "tab:blue"
            axes.broken_barh(self.cycles.spans(kind), (number - 0.35, 0.7), facecolors=color)
        texts = [kind.lower().replace("_", " ") for kind in kinds]
        axes.set_yticks(range(len(kinds)), texts, fontsize="small")
        axes.set_ylim(-0.6, max(0.6, len(kinds) - 0.4))
        axes.set_ylabel("governor" if kinds else "governor: nothing")

    def _mark_verdicts(self, axes: list[Axes], replay: AttemptReplay) -> None:
        marks, result = [], replay.setup.result
        if result is not None:
            marks.append(("recorded", 1e-9 * (result.ended_ns - replay.start_ns), "black"))
        sides = (
            [("rebuilt", replay.recorded_side, "tab:blue")] if self._compares or not marks else []
        )
        if replay.changed_side is not None:
            sides.append(("what if", replay.changed_side, "tab:green"))
        for name, side, color in sides:
            if side.verdict.outcome is not None:
                text = f"{name}: {side.verdict.outcome.value}"
                marks.append((text, side.verdict.at_s, color))
        for name, at_s, color in marks:
            for each in axes:
                each.axvline(at_s, color=color, ls=":")
            axes[0].plot([], [], color=color, ls=":", label=f"verdict, {name}")

    def _mark_pauses(self, axes: list[Axes], replay: AttemptReplay) -> None:
        for number, pause in enumerate(replay.pauses):
            span_s = [1e-9 * (at_ns - replay.start_ns) for at_ns in pause]
            for each in axes:
                label = "recording paused" if number == 0 and each is axes[0] else None
                each.axvspan(*span_s, color="grey", alpha=0.3, label=label)

    @property
    def _time_s(self) -> Array:
        return self.cycles.column("time_s")


def _new_figure() -> Figure:
    """Return an empty figure.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError(
            "a picture needs matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return Figure(figsize=(10.0, 10.5))


def _draw_grids(axes: list[Axes]) -> None:
    """Draw a grid in each panel.

    Only the lowest panel has a time axis of its own; in the others, all vertical lines are one
    object, since the ticks of an axis take most of the time of a drawing.
    """
    from matplotlib.collections import LineCollection

    for each in axes:
        each.set_axisbelow(True)
        each.grid(alpha=_GRID_ALPHA, axis="both" if each is axes[-1] else "y")
    times_s = [at_s for at_s in axes[-1].get_xticks() if math.isfinite(at_s)]
    for each in axes[:-1]:
        each.xaxis.set_visible(False)
        lines = LineCollection(
            [((at_s, 0.0), (at_s, 1.0)) for at_s in times_s],
            transform=each.get_xaxis_transform(),
            colors=_GRID_COLOR,
            linewidths=0.8,
            alpha=_GRID_ALPHA,
            zorder=0.5,
        )
        each.add_collection(lines, autolim=False)


def _longest_label(axes: list[Axes]) -> int:
    """Return the number of characters of the longest text in the legends."""
    return max(
        (len(text) for each in axes for text in each.get_legend_handles_labels()[1]), default=0
    )


def _title(name: str, replay: AttemptReplay) -> str:
    """Return name, outcome and reason, on at most four lines."""
    result, verdict = replay.setup.result, replay.recorded_side.verdict
    if result is not None:
        outcome, reason = result.outcome, result.reason
    elif verdict.outcome is not None:
        outcome, reason = f"{verdict.outcome.value} (rebuilt)", verdict.reason
    else:
        outcome, reason = "no verdict", ""
    peak_n = replay.stream.peak_force_n
    head = f"{printable(f'{name}: {outcome}')} · {replay.setup.task} · peak {peak_n:.0f} N"
    reason = printable(reason)
    lines = textwrap.wrap(reason, _TITLE_COLUMNS, max_lines=_TITLE_LINES, placeholder=" …")
    return "\n".join([head, *lines])
