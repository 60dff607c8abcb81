"""Plot of a policy's robustness: success and peak force against each perturbation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from der_ros.errors import ConfigurationError
from support.perturbations import PERTURBATIONS

_Found = Sequence[tuple[Mapping[str, Any], Mapping[str, float]]]
_STYLES = ("-", "--", ":", "-.")


def draw(found: _Found, path: Path) -> None:
    """Plot one column per kind, success above peak force, one line per robot.

    Args:
        found: Points and their figures, as stored by ``bench_robustness``; each policy has its own
            line style, the newest a solid line.
        path: Image file to write, .png or .svg.

    Raises:
        ConfigurationError: There is nothing to draw: every point is nominal.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = [
        kind
        for kind in PERTURBATIONS
        if kind != "none" and any(point["kind"] == kind for point, _ in found)
    ]
    if not kinds:
        raise ConfigurationError("plot: expected points of a kind with sizes, got none of them")
    figure, axes = pyplot.subplots(
        2, len(kinds), figsize=(2.4 * len(kinds), 5.0), sharey="row", squeeze=False
    )
    for column, kind in enumerate(kinds):
        _draw_kind(axes[:, column], kind, found)
    axes[0, 0].set_ylabel("success, %")
    axes[1, 0].set_ylabel("peak force, N (median)")
    axes[0, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_kind(axes: Any, kind: str, found: _Found) -> None:
    perturbation = PERTURBATIONS[kind]
    robots = sorted({point["robot"] for point, _ in found})
    for (sha256, robot), line in _lines(kind, found).items():
        values, success, peak = zip(*sorted(line), strict=True)
        style = {
            "color": f"C{robots.index(robot)}",
            "linestyle": _STYLES[_age(sha256, found) % len(_STYLES)],
            "marker": ".",
        }
        axes[0].plot(values, success, label=f"{robot} {sha256[:6]}", **style)
        axes[1].plot(values, peak, **style)
    for axis in axes:
        axis.axvspan(*perturbation.asked, color="0.92", zorder=0)
    axes[0].set_ylim(-3, 103)
    axes[1].set_ylim(bottom=0)
    axes[1].set_xlabel(f"{perturbation.label}, {perturbation.unit}", fontsize=8)


def _lines(kind: str, found: _Found) -> dict[tuple[str, str], list[tuple[float, float, float]]]:
    lines: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for point, figures in found:
        if point["kind"] == kind:
            lines[point["sha256"], point["robot"]].append(
                (point["value"], figures["success_percent"], figures["peak_force_median_n"])
            )
    return lines


def _age(sha256: str, found: _Found) -> int:
    """Return the number of newer policies in the file."""
    order = list(dict.fromkeys(point["sha256"] for point, _ in found))
    return len(order) - 1 - order.index(sha256)
