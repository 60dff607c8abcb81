"""Success by insertion interval and zone size, the two settings that the paper leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from der_ros.training.metrics.plot_file import new_figure, save_figure
from der_ros.training.study.arms import DER_OFF, DER_ON, INTERVALS, PRESET_KNOBS, ZONES, Knobs
from der_ros.training.study.cells import NOTHING
from der_ros.training.study.comparison_text import seeds_text
from der_ros.training.study.measures import mean_success
from der_ros.training.study.resampling import Array
from der_ros.training.study.run_record import RunRecord

KNOBS_CELL = "lap_joint/no_demos"
_STUDY = "knobs"


def knob_table(records: Sequence[RunRecord]) -> str:
    """Return a table of mean success, intervals down and zone sizes across, with a sentence."""
    seeds = compared_seeds(records)
    if not seeds:
        return NOTHING
    lines = [
        "| steps between insertions | " + " | ".join(f"zone {zone:,}" for zone in ZONES) + " |",
        "|---" * (1 + len(ZONES)) + "|",
    ]
    for interval, row in zip(INTERVALS, _percent(records, seeds), strict=True):
        lines.append(f"| {interval:,} | " + " | ".join(f"{value:.1f} %" for value in row) + " |")
    off = _mean_percent(_of_arm(records, DER_OFF), seeds)
    said = f"{seeds_text(len(seeds))} in every cell. DER off, the same seeds: {off:.1f} %."
    return "\n".join([*lines, "", said])


def draw_knobs(records: Sequence[RunRecord], path: Path) -> bool:
    """Draw the mean success of each interval and zone size as a heat map.

    Args:
        records: Records of any runs; those of other studies are ignored.
        path: Path of the image, .png.

    Returns:
        False, without writing a file, if no seed has a run in every cell.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    seeds = compared_seeds(records)
    if not seeds:
        return False
    figure = new_figure(5.6, 4.2)
    axes = figure.subplots()
    percent = _percent(records, seeds)
    image = axes.imshow(percent, origin="lower", vmin=0.0, vmax=100.0)
    for (row, column), value in np.ndenumerate(percent):
        colour = "w" if value < 60 else "k"
        axes.text(column, row, f"{value:.0f} %", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(ZONES)), [f"{zone:,}" for zone in ZONES])
    axes.set_yticks(range(len(INTERVALS)), [f"{interval:,}" for interval in INTERVALS])
    axes.set(xlabel="zone (transitions)", ylabel="steps between insertions")
    axes.set_title("lap joint, preset paper: success, mean over the training")
    figure.colorbar(image, label="success (%)")
    save_figure(figure, path, dpi=110)
    return True


def compared_seeds(records: Sequence[RunRecord]) -> list[int]:
    """Return the seeds that have a run in every cell and with DER off: only these are compared.

    Seeds differ by more than the cells do, so a mean over other seeds would mislead.
    """
    parts = [_of(records, Knobs(interval, zone)) for interval in INTERVALS for zone in ZONES]
    off = _of_arm(records, DER_OFF)
    return sorted(set(off).intersection(*parts))


def _percent(records: Sequence[RunRecord], seeds: Sequence[int]) -> Array:
    """Return the mean success of these seeds in percent, shape (intervals, zones)."""
    return np.array(
        [
            [_mean_percent(_of(records, Knobs(interval, zone)), seeds) for zone in ZONES]
            for interval in INTERVALS
        ]
    )


def _of(records: Sequence[RunRecord], knobs: Knobs) -> dict[int, float]:
    """Return the mean success of each seed with these settings."""
    return _of_arm(records, DER_ON if knobs == PRESET_KNOBS else knobs.arm)


def _of_arm(records: Sequence[RunRecord], arm: str) -> dict[int, float]:
    return {
        record.run.seed: mean_success(record)
        for record in records
        if (record.run.study, record.run.cell, record.run.arm) == (_STUDY, KNOBS_CELL, arm)
    }


def _mean_percent(of_seeds: Mapping[int, float], seeds: Sequence[int]) -> float:
    return 100.0 * float(np.mean([of_seeds[seed] for seed in seeds]))
