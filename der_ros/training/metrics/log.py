"""Files with a run's metrics: ``metrics.jsonl``, TensorBoard events and the learning curve."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from der_ros.documents import parse_json, read_bytes, shortened
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.training.metrics.plot_file import new_figure
from der_ros.training.metrics.windows import (
    EPISODE_RETURN,
    GREEDY_WINDOW_EPISODES,
    SUCCESS_RATE,
    WINDOW_EPISODES,
)
from der_ros.whole_files import whole_file, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

Metrics = Mapping[str, float]


_MAX_BYTES = 2**30
_EXPLORING = f"exploring (last {WINDOW_EPISODES} episodes)"
_NOISE_FREE = f"noise-free (last {GREEDY_WINDOW_EPISODES} episodes)"
_EVALUATION = "evaluation (unseen seeds)"
# Metric, line style and label of each curve of the plot.
_SUCCESS_CURVES = (
    (SUCCESS_RATE, "-", _EXPLORING),
    ("rollout/greedy_success_rate", "--", _NOISE_FREE),
    ("rollout/evaluation_success_rate", "o", _EVALUATION),
)
_RETURN_CURVES = (
    (EPISODE_RETURN, "-", _EXPLORING),
    ("rollout/evaluation_return", "o", _EVALUATION),
)


class MetricsWriter:
    """Context manager that writes metrics as JSON lines and TensorBoard points.

    Each line is written at once, so that a killed run keeps its reported metrics. Lines that a full
    disk refuses are kept and written later; TensorBoard points are not.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir, self._path = run_dir, run_dir / "metrics.jsonl"
        self._unwritten: list[str] = []
        self._refused = False

    def __enter__(self) -> MetricsWriter:
        """Open both files for appending."""
        from tensorboard.summary import Writer

        self._file = self._path.open("ab", buffering=0)
        self._events: Any = Writer(str(self._run_dir))
        self._hook, threading.excepthook = threading.excepthook, self._on_thread_error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is left, and close the metrics and event files.

        Raises:
            ConfigurationError: Lines could not be written; not raised after another error.
        """
        refusal = self._append()
        self._file.close()
        with suppress(OSError):
            self._events.close()
        threading.excepthook = self._hook
        if refusal is not None and error is None:
            raise ConfigurationError(
                f"{self._path}: expected to write {len(self._unwritten)} lines more, got: "
                f"{refusal.strerror}; make room and resume the run"
            ) from refusal

    def write(self, metrics: Metrics) -> None:
        """Write ``metrics`` at their step ``time/env_steps``.

        Raises:
            ConfigurationError: The file was removed.
        """
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise ConfigurationError(
                f"{self._path}: expected the file of this run, it was removed while training; "
                "start a new run"
            )
        step = int(metrics["time/env_steps"])
        line = json.dumps({name: _rounded(v) for name, v in metrics.items()}) + "\n"
        self._unwritten.append(line)
        refusal = self._append()
        if refusal is not None and not self._refused:
            logger.error("%s: %s; its lines are written later", self._path, refusal.strerror)
        self._refused = refusal is not None
        with suppress(OSError):  # tensorboard's thread keeps its first error and raises it
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def _append(self) -> OSError | None:
        """Append the unwritten lines, whole or not at all; return the error."""
        content = "".join(self._unwritten).encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            while content:
                content = content[self._file.write(content) or 0 :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), size)
            return error
        self._unwritten.clear()
        return None

    def _on_thread_error(self, arguments: threading.ExceptHookArgs) -> None:
        """Log a file error of TensorBoard's thread in one line; pass on any other error."""
        foreign = type(arguments.thread).__module__.startswith("tensorboard.")
        if foreign and isinstance(arguments.exc_value, OSError):
            reason = arguments.exc_value.strerror
            logger.error("%s: TensorBoard's file ends here: %s", self._run_dir, reason)
        else:
            self._hook(arguments)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return the lines of a ``metrics.jsonl``; an unfinished last line is left out.

    Raises:
        ConfigurationError: A line is not a JSON object of numbers; the message names it.
        OSError: The file cannot be read.
    """
    try:
        text = read_bytes(path, _MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: expected lines of JSON in UTF-8, got byte 0x{error.object[error.start]:02x} "
            f"at {error.start}"
        ) from error
    whole = text[: text.rfind("\n") + 1]
    return [_metrics_line(path, at, line) for at, line in enumerate(whole.split("\n")[:-1], 1)]


def _metrics_line(path: Path, at: int, line: str) -> dict[str, float]:
    values = parse_json(line, f"{path}, line {at}", finite=False)
    if isinstance(values, dict) and all(type(v) in (int, float) for v in values.values()):
        return values
    raise ConfigurationError(
        f"{path}, line {at}: expected names and numbers, got {shortened(line)}"
    )


def forget_metrics_after(path: Path, env_steps: int) -> None:
    """Remove the lines after ``env_steps``, where a run resumes."""
    if not path.exists():
        return
    kept = [line for line in read_metrics(path) if line.get("time/env_steps", 0.0) <= env_steps]
    write_whole(path, "".join(json.dumps(line) + "\n" for line in kept))


def prepare_plotting() -> None:
    """Load matplotlib and its fonts, which takes seconds the first time."""
    _figure().savefig(io.BytesIO())


def plot_learning_curve(run_dir: Path, title: str) -> None:
    """Draw ``learning_curve.png`` from ``metrics.jsonl``.

    The plot shows success rates; without any success or verdict it shows the mean return.
    """
    lines = read_metrics(run_dir / "metrics.jsonl")
    if not lines:
        raise DerRosError(f"learning curve: expected metrics in {run_dir}, there are none")
    succeeded = any(line.get(name) for line in lines for name, *_ in _SUCCESS_CURVES)
    minutes = lines[-1].get("time/elapsed_s", 0.0) / 60.0
    title = f"{title} · {minutes:.1f} minutes"
    figure = _figure()
    axes = figure.axes[0]
    axes.grid(alpha=0.3)
    if succeeded:
        _draw(axes, lines, _SUCCESS_CURVES, 100.0)
        axes.set(ylabel="success (%)", ylim=(-3, 103), title=title)
    else:
        _draw(axes, lines, _RETURN_CURVES, 1.0)
        axes.set(ylabel="return of an episode", title=f"{title} · no success")
    axes.set(xlabel="environment steps", xlim=(0, None))
    if axes.lines:
        figure.legend(loc="outside lower center", ncols=3)
    with whole_file(run_dir / "learning_curve.png") as part:
        figure.savefig(part, format="png", dpi=120)


def _draw(
    axes: Axes, lines: Sequence[Metrics], curves: Sequence[tuple[str, str, str]], scale: float
) -> None:
    for name, style, label in curves:
        whole = [line for line in lines if name in line and "time/env_steps" in line]
        points = [(line["time/env_steps"], scale * line[name]) for line in whole]
        if points:
            axes.plot(*zip(*points, strict=True), style if len(points) > 1 else "o", label=label)


def _figure() -> Figure:
    """Return an empty figure with one pair of axes, without a window."""
    figure = new_figure(8.0, 4.5)
    figure.add_subplot()
    return figure


def _rounded(value: float) -> float | int:
    """Return whole numbers as int, others rounded to six digits."""
    return int(value) if float(value).is_integer() else float(f"{value:.6g}")
