"""Data file of a finished run, written atomically and checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_ros.documents import parse_json, read_bytes
from der_ros.errors import ConfigurationError
from der_ros.training.study.design import STUDIES, StudyRun
from der_ros.whole_files import write_whole

RECORD_FORMAT = 1
_MOST_BYTES = 32 * 1024
_COUNTS = ("episodes", "successes", "greedy_episodes", "greedy_successes")
_KEYS = {
    "format",
    "run",
    "settings",
    "commit",
    "machine",
    "versions",
    "date",
    "minutes",
    "cpu_minutes",
    "env_steps",
    "updates",
    "first_success",
    "successes",
    "insertions",
    "zone_transitions",
    "final",
    "curve",
}


class RunRecord:
    """Content of a finished run's data file.

    Attributes:
        run: Identity of the run.
        data: Content of the file by key.
    """

    def __init__(self, run: StudyRun, data: Mapping[str, Any]) -> None:
        self.run, self.data = run, data

    @property
    def first_success(self) -> int | None:
        """Environment steps at the end of the first successful episode; None without one."""
        steps: int | None = self.data["first_success"]
        return steps

    @property
    def final_success(self) -> float:
        """Success rate of the last policy over its evaluation's episodes."""
        final = self.data["final"]
        return float(final["successes"]) / int(final["episodes"])

    @property
    def steps(self) -> NDArray[np.float64]:
        """Environment steps at the end of each bin of the curve, shape (bins,)."""
        curve = self.data["curve"]
        bin_ends = np.arange(1, len(curve["episodes"]) + 1, dtype=np.float64)
        return bin_ends * float(curve["bin_steps"])

    @property
    def success_rate(self) -> NDArray[np.float64]:
        """Success rate of all episodes that ended in each bin, shape (bins,).

        A bin without episodes has the rate of the bin before it; before the first episode it is 0.
        """
        return self._means(np.array(self.data["curve"]["successes"], np.float64))

    @property
    def mean_return(self) -> NDArray[np.float64]:
        """Mean return of the same episodes, shape (bins,); empty bins as in ``success_rate``."""
        curve = self.data["curve"]
        totals = np.array(curve["mean_return"]) * np.array(curve["episodes"])
        return self._means(totals)

    def _means(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.array(self.data["curve"]["episodes"])
        latest = np.maximum.accumulate(np.where(counts > 0, np.arange(len(counts)), -1))
        means = totals / np.maximum(counts, 1)
        return np.where(latest >= 0, means[np.maximum(latest, 0)], 0.0)


def record_path(results: Path, run: StudyRun) -> Path:
    """Return the path of the run's data file below the folder of results."""
    return results / f"{run.name}.json"


def write_record(results: Path, record: Mapping[str, Any]) -> Path:
    """Write a run's record atomically; return its path."""
    path = record_path(results, StudyRun(**record["run"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    write_whole(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return path


def read_record(path: Path) -> RunRecord:
    """Read a run's data file.

    Raises:
        ConfigurationError: The file cannot be read, is not a record of this format, or has other
            settings than the study's run.
    """
    try:
        data = parse_json(read_bytes(path, _MOST_BYTES).decode("utf-8"), "its text")
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"{path}: expected a readable record of a run ({error}); move it away and "
            "repeat the run"
        ) from error
    if not isinstance(data, dict) or data.get("format") != RECORD_FORMAT or set(data) != _KEYS:
        raise ConfigurationError(
            f"{path}: expected a record of format {RECORD_FORMAT} with {', '.join(sorted(_KEYS))}"
        )
    try:
        run = StudyRun(**data["run"])
        known = run.study in STUDIES
        expected = json.loads(json.dumps(run.settings())) if known else None
        counts = {len(data["curve"][name]) for name in (*_COUNTS, "mean_return")}
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{path}: expected a run of a study ({error!r})") from error
    if data["settings"] != expected or len(counts) != 1:
        raise ConfigurationError(
            f"{path}: expected the settings of {run.name} as the study has them now, got others; "
            "move the record away and repeat the run"
        )
    return RunRecord(run, data)


def read_records(results: Path, runs: Iterable[StudyRun]) -> list[RunRecord]:
    """Read the data files of the finished runs, in the order of ``runs``.

    Raises:
        ConfigurationError: A file is not valid, or belongs to a run with another budget.
    """
    records = []
    for run in runs:
        path = record_path(results, run)
        if path.exists():
            record = read_record(path)
            if record.run != run:
                raise ConfigurationError(
                    f"{path}: expected a run of {run.env_steps} steps, got {record.run.name} with "
                    f"{record.run.env_steps}; choose another folder of results for another budget"
                )
            records.append(record)
    return records
