"""Figures without a window, and the files that they are written to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from der_ros.errors import ConfigurationError
from der_ros.whole_files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure of the given size, inches."""
    # Imported here: matplotlib takes seconds the first time.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, dpi: int) -> None:
    """Write a figure as a whole or not at all, in the format of the name's ending, or as PNG.

    Raises:
        ConfigurationError: The image cannot be written.
    """
    try:
        with whole_file(path) as part:
            figure.savefig(part, format=path.suffix[1:] or "png", dpi=dpi)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be written: {error}") from error
