"""Plot of a policy's robustness: success and peak force against each perturbation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from der_ros.errors import ConfigurationError
from support.perturbations import PERTURBATIONS, nominal_size, trained_range
from support.task_cells import options_of

MeasuredPoints: TypeAlias = Sequence[tuple[Mapping[str, Any], Mapping[str, float]]]
SizeCurve: TypeAlias = list[tuple[float, Mapping[str, float]]]
_COLUMNS = 3
_COLOURS = {"robotless": "C2", "kr60": "C1", "iiwa": "C0"}
_NAMES = {"robotless": "robot-less", "kr60": "KR 60", "iiwa": "iiwa"}
_DECADE = 10.0
_STYLES = ("-", "--", ":", "-.")


class Line(NamedTuple):
    """Robot, policy and options that all points of one line share."""

    robot: str
    sha256: str
    option: str

    @property
    def budget_n(self) -> float | None:
        """Force budget, N; None if the option sets none."""
        return options_of(self.option).get("force_budget_n")


def draw(found: MeasuredPoints, path: Path) -> None:
    """Plot one panel per kind, success above peak force, one line per robot, policy and option.

    A line has the nominal cell as one of its points where the kind has a nominal size. Of points
    that differ only in the number of episodes, that with the most is drawn.

    Args:
        found: Points of one task and their figures, as stored by ``bench_robustness``.
        path: Image file to write, .png or .svg.

    Raises:
        ConfigurationError: There is nothing to draw: every point is nominal.
    """
    from matplotlib.figure import Figure

    kinds = [
        kind
        for kind in PERTURBATIONS
        if kind != "none" and any(point["kind"] == kind for point, _ in found)
    ]
    if not kinds:
        raise ConfigurationError("plot: expected points of a kind with sizes, got none of them")
    lines = list(dict.fromkeys(_line(point) for point, _ in found))
    rows, columns = -(-len(kinds) // _COLUMNS), min(len(kinds), _COLUMNS)
    picture = Figure(figsize=(4.2 * columns, 4.2 * rows + 0.6), layout="constrained")
    panels = picture.subfigures(rows, columns, squeeze=False).flat
    for kind, panel in zip(kinds, panels, strict=False):
        success, peak = panel.subplots(2, 1, sharex=True)
        for line in lines:
            _draw_line(success, peak, line, lines, curve_of(found, line, kind))
        _label(success, peak, kind, str(found[0][0]["task"]))
    handles = {name: h for h, name in zip(*success.get_legend_handles_labels(), strict=True)}
    picture.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
    picture.savefig(path, dpi=100)


def _line(point: Mapping[str, Any]) -> Line:
    return Line(point["robot"], point["sha256"], point["option"])


def curve_of(found: MeasuredPoints, line: Line, kind: str) -> SizeCurve:
    """Return the sizes of a kind with their figures, in order."""
    curve = {}
    for point, figures in sorted(found, key=lambda each: each[0]["episodes"]):
        if _line(point) == line and point["kind"] in (kind, "none"):
            nominal = nominal_size(kind, point["task"])
            size = point["value"] if point["kind"] == kind else nominal
            if size is not None:
                curve[size] = figures
    return sorted(curve.items())


def _draw_line(
    success: Any, peak: Any, line: Line, lines: Sequence[Line], curve: SizeCurve
) -> None:
    sizes = [size for size, _ in curve]
    budget = "no budget" if line.budget_n is None else f"{line.budget_n:g} N"
    policies = list(dict.fromkeys(each.sha256 for each in lines))
    policy = f", {line.sha256[:6]}" if len(policies) > 1 else ""
    alike = [each for each in lines if each.robot == line.robot]
    style = {
        "color": _COLOURS[line.robot],
        "linestyle": _STYLES[alike.index(line) % len(_STYLES)],
        "marker": ".",
        "label": f"{_NAMES[line.robot]}, {budget}{policy}",
    }
    success.plot(sizes, [figures["success_percent"] for _, figures in curve], **style)
    peak.plot(sizes, [figures["peak_force_median_n"] for _, figures in curve], **style)
    peak.fill_between(
        sizes,
        [figures["peak_force_median_n"] for _, figures in curve],
        [figures["peak_force_p99_n"] for _, figures in curve],
        color=style["color"],
        alpha=0.15,
    )
    if line.budget_n is not None:
        peak.axhline(line.budget_n, color=style["color"], linewidth=0.8, linestyle=":")


def _label(success: Any, peak: Any, kind: str, task: str) -> None:
    perturbation = PERTURBATIONS[kind]
    low, high = min(perturbation.values), max(perturbation.values)
    if low > 0.0 and high > _DECADE * low:
        success.set_xscale("log")
        sizes = {*perturbation.values, nominal_size(kind, task)}
        peak.set_xticks(list(sizes), [f"{size:g}" for size in sizes])
        peak.minorticks_off()
    for axis in (success, peak):
        axis.axvspan(*trained_range(kind, task), color="0.92", zorder=0)
        axis.grid(alpha=0.3)
    success.set(ylim=(-3, 103), ylabel="success [%]", title=perturbation.label)
    peak.set(ylabel="peak force [N]", xlabel=f"[{perturbation.unit}]")
    peak.set_ylim(bottom=0)
