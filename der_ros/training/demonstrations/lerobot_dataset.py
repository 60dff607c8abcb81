"""Demonstrations as a LeRobot dataset, format v3.0: parquet tables and JSON files, no videos.

One frame is one step: observation, action, and the reward and end that follow. The observation
after the last step is not part of the format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PolicyContract
from der_ros.training.demonstrations.taught import TaughtEpisode

CODEBASE_VERSION = "v3.0"
"""Version of the format."""
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
_FACTS_FILE = "meta/demonstrations.json"
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

Columns = dict[str, NDArray[Any]]
Statistics = dict[str, list[float]]


def write_lerobot_dataset(
    folder: Path, taught: Sequence[TaughtEpisode], contract: PolicyContract
) -> None:
    """Write a dataset of some episodes.

    Args:
        folder: Folder of the dataset, new or empty.
        taught: Episodes to write, at least one.
        contract: Names, units and control period of all of them.

    Raises:
        ConfigurationError: The package pyarrow is not installed.
    """
    _parquet()
    tasks = sorted({each.task for each in taught})
    columns = _columns(taught, tasks, contract.control_dt_s)
    lengths = [each.episode.steps for each in taught]
    ends = np.cumsum(lengths).tolist()
    parts = [
        {name: values[end - length : end] for name, values in columns.items()}
        for length, end in zip(lengths, ends, strict=True)
    ]
    _write_table(folder / DATA_PATH.format(chunk_index=0, file_index=0), columns)
    _write_table(folder / _EPISODES_PATH, _episodes(taught, lengths, ends, parts))
    _write_tasks(folder / "meta" / "tasks.parquet", tasks)
    _write_json(folder / "meta" / "info.json", _info(taught, columns, len(tasks), contract))
    _write_json(folder / "meta" / "stats.json", _statistics(columns))
    facts = [
        {"name": each.name, **(asdict(each.facts) if each.facts else {"made_by": "unknown"})}
        for each in taught
    ]
    _write_json(folder / _FACTS_FILE, facts)


def _parquet() -> Any:
    """Return pyarrow with its parquet module.

    Raises:
        ConfigurationError: pyarrow is not installed; the message says what to do.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(
            "export to lerobot: expected the package pyarrow, which is not installed; install it "
            f"with `pip install -r requirements/lerobot.txt`, or export to npz ({error})"
        ) from error
    return pyarrow


def _columns(taught: Sequence[TaughtEpisode], tasks: list[str], period_s: float) -> Columns:
    """Return the columns of all frames, one row per step."""
    steps = np.array([each.episode.steps for each in taught])
    frame = np.concatenate([np.arange(count) for count in steps])
    last = np.concatenate([np.arange(count) == count - 1 for count in steps])
    success = np.repeat([each.episode.success for each in taught], steps)
    return {
        "observation.state": np.concatenate([each.episode.observations[:-1] for each in taught]),
        "action": np.concatenate([each.episode.actions for each in taught]),
        "next.reward": np.concatenate([each.episode.rewards for each in taught]),
        "next.done": last,
        "next.success": last & success,
        "timestamp": (frame * period_s).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.repeat(np.arange(len(taught)), steps),
        "index": np.arange(len(frame)),
        "task_index": np.repeat([tasks.index(each.task) for each in taught], steps),
    }


def _statistics(columns: Mapping[str, NDArray[Any]]) -> dict[str, Statistics]:
    return {name: _statistics_of(values) for name, values in columns.items()}


def _statistics_of(values: NDArray[Any]) -> Statistics:
    numbers = values.astype(np.float64).reshape(len(values), -1)
    statistics = {
        "min": numbers.min(axis=0),
        "max": numbers.max(axis=0),
        "mean": numbers.mean(axis=0),
        "std": numbers.std(axis=0),
        "count": np.array([len(numbers)]),
        **{name: np.quantile(numbers, share, axis=0) for name, share in _QUANTILES.items()},
    }
    return {name: each.tolist() for name, each in statistics.items()}


def _episodes(
    taught: Sequence[TaughtEpisode], lengths: list[int], ends: list[int], parts: list[Columns]
) -> dict[str, list[Any]]:
    """Return the columns of the table of episodes, one row per episode."""
    count = len(taught)
    table: dict[str, list[Any]] = {
        "episode_index": list(range(count)),
        "tasks": [[each.task] for each in taught],
        "length": lengths,
        "data/chunk_index": [0] * count,
        "data/file_index": [0] * count,
        "dataset_from_index": [end - length for length, end in zip(lengths, ends, strict=True)],
        "dataset_to_index": ends,
        "meta/episodes/chunk_index": [0] * count,
        "meta/episodes/file_index": [0] * count,
    }
    of_parts = [_statistics(part) for part in parts]
    for feature, statistics in of_parts[0].items():
        for name in statistics:
            table[f"stats/{feature}/{name}"] = [each[feature][name] for each in of_parts]
    return table


def _info(
    taught: Sequence[TaughtEpisode], columns: Columns, tasks: int, contract: PolicyContract
) -> dict[str, Any]:
    names = {"observation.state": contract.observation_names, "action": contract.action_names}
    rate_hz = round(1.0 / contract.control_dt_s, 6)
    robots = sorted({each.facts.robot for each in taught if each.facts})
    return {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": ", ".join(robots) or "unknown",
        "total_episodes": len(taught),
        "total_frames": len(columns["index"]),
        "total_tasks": tasks,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": int(rate_hz) if rate_hz.is_integer() else rate_hz,
        "splits": {"train": f"0:{len(taught)}"},
        "data_path": DATA_PATH,
        "video_path": None,
        "features": {
            name: {
                "dtype": str(values.dtype),
                "shape": [1] if values.ndim == 1 else [values.shape[1]],
                "names": list(names[name]) if name in names else None,
            }
            for name, values in columns.items()
        },
    }


def _write_table(path: Path, columns: Mapping[str, Any]) -> None:
    arrow = _parquet()
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: _arrow_array(arrow, values) for name, values in columns.items()}
    arrow.parquet.write_table(arrow.table(arrays), path)


def _arrow_array(arrow: Any, values: Any) -> Any:
    """Return an Arrow array; a matrix becomes lists of a fixed length."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        flat = arrow.array(np.ascontiguousarray(values).reshape(-1))
        return arrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return arrow.array(values)


def _write_tasks(path: Path, tasks: list[str]) -> None:
    """Write the table of tasks; LeRobot reads it by pandas, with the task as its index."""
    arrow = _parquet()
    table = arrow.table({"task_index": list(range(len(tasks))), "task": tasks})
    described = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            _described("task_index", "int64", "int64"),
            _described("task", "unicode", "object"),
        ],
        "creator": {"library": "pyarrow", "version": arrow.__version__},
        "pandas_version": "2.0.0",
    }
    table = table.replace_schema_metadata({"pandas": json.dumps(described)})
    arrow.parquet.write_table(table, path)


def _described(name: str, pandas_type: str, numpy_type: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": pandas_type,
        "numpy_type": numpy_type,
        "metadata": None,
    }


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
