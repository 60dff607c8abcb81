"""``demos export``: a LeRobot dataset, read back by pyarrow, and plain arrays."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from der_ros.cli import demos
from der_ros.tasks import make_task
from der_ros.training.demonstrations.files import load_demonstrations

BAG = Path(__file__).parents[1] / "replay" / "bags" / "kr60_success"
STEPS = 45


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Two demonstrations, one of them with metadata."""
    folder = tmp_path_factory.mktemp("demos")
    for name in ("demo_001", "demo_002"):
        shutil.copytree(BAG, folder / name)
    (folder / "demo_001" / "demonstration.yaml").write_text(
        "made_by: scripted\ntask: lap_joint\nrobot: kr60 sim\nseed: 3\nversion: 0.1.0\n"
        "created: '2026-11-29T05:00:00+0000'\nduration_s: 2.9\npeak_force_n: 60.0\n"
    )
    return folder


@pytest.fixture(scope="module")
def dataset(taught, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "dataset"
    arguments = ["export", str(taught), str(out), "--to", "lerobot", "--task", "lap_joint"]
    assert demos.main(arguments) == 0
    return out


def table(dataset, name):
    return pyarrow.parquet.read_table(dataset / name)


def frames(dataset):
    return table(dataset, "data/chunk-000/file-000.parquet")


def info(dataset):
    return json.loads((dataset / "meta" / "info.json").read_text())


def test_the_info_names_version_counts_and_files(dataset):
    held = info(dataset)
    assert held["codebase_version"] == "v3.0"
    assert held["fps"] == pytest.approx(1 / 0.06, abs=1e-6)
    counts = [held[f"total_{name}"] for name in ("episodes", "frames", "tasks")]
    assert counts == [2, 2 * STEPS, 1]
    assert held["splits"] == {"train": "0:2"}
    path = held["data_path"].format(chunk_index=0, file_index=0)
    assert (dataset / path).is_file()


def test_each_feature_is_a_column_of_its_type(dataset):
    features, schema = info(dataset)["features"], frames(dataset).schema
    assert list(features) == schema.names
    for name, feature in features.items():
        column = schema.field(name).type
        if feature["shape"] != [1]:
            assert column.list_size == feature["shape"][0] == len(feature["names"])
            column = column.value_type
        assert str(column).replace("float", "float32") == feature["dtype"], name


def test_frames_hold_the_steps_of_training(taught, dataset):
    held = frames(dataset).to_pydict()
    episode, _ = load_demonstrations(taught, 13, 6, task=make_task("lap_joint"))
    assert np.array_equal(held["observation.state"][:STEPS], episode.observations[:-1])
    assert np.array_equal(held["action"][STEPS:], episode.actions)
    assert np.array_equal(held["next.reward"][:STEPS], episode.rewards)
    assert held["frame_index"] == 2 * list(range(STEPS))
    assert held["index"] == list(range(2 * STEPS))
    assert held["timestamp"][STEPS - 1] == pytest.approx(0.06 * (STEPS - 1))
    done = [row for row, over in enumerate(held["next.done"]) if over]
    assert done == [STEPS - 1, 2 * STEPS - 1]
    assert held["next.success"] == held["next.done"]


def test_the_table_of_episodes_cuts_the_frames(dataset):
    held = table(dataset, "meta/episodes/chunk-000/file-000.parquet").to_pydict()
    assert held["length"] == [STEPS, STEPS]
    assert held["dataset_from_index"] == [0, STEPS]
    assert held["dataset_to_index"] == [STEPS, 2 * STEPS]
    assert held["tasks"] == [["lap_joint"]] * 2
    assert [len(row) for row in held["stats/action/mean"]] == [6, 6]


def test_the_task_is_the_index_of_the_tasks(dataset):
    held = table(dataset, "meta/tasks.parquet")
    assert held.to_pydict() == {"task_index": [0], "task": ["lap_joint"]}
    assert json.loads(held.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_statistics_are_those_of_the_frames(dataset):
    held = json.loads((dataset / "meta" / "stats.json").read_text())
    actions = np.array(frames(dataset)["action"].to_pylist())
    assert held["action"]["mean"] == pytest.approx(actions.mean(axis=0))
    assert held["action"]["q90"] == pytest.approx(np.quantile(actions, 0.9, axis=0))
    assert held["action"]["count"] == [2 * STEPS]


def test_a_dataset_says_who_made_each_episode(dataset):
    facts = json.loads((dataset / "meta" / "demonstrations.json").read_text())
    assert [each["made_by"] for each in facts] == ["scripted", "unknown"]
    assert [each["name"] for each in facts] == ["demo_001", "demo_002"]


def test_arrays_are_demonstrations_with_facts(taught, tmp_path, capsys):
    out = tmp_path / "arrays"
    arguments = ["export", str(taught), str(out), "--to", "npz", "--task", "lap_joint", "--json"]
    assert demos.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "out": str(out),
        "format": "npz",
        "episodes": 2,
        "frames": 2 * STEPS,
        "failed": 0,
    }
    assert len(load_demonstrations(out, 13, 6)) == 2
    with np.load(out / "demo_001.npz") as held:
        assert json.loads(str(held["facts"]))["made_by"] == "scripted"


def test_a_folder_that_holds_something_is_kept(taught, dataset, capsys):
    arguments = ["export", str(taught), str(dataset), "--to", "npz", "--task", "lap_joint"]
    assert demos.main(arguments) == 1
    assert "out: expected a new or empty folder" in capsys.readouterr().err
    assert info(dataset)["total_episodes"] == 2


def test_a_damaged_bag_is_left_out_and_reported(taught, tmp_path, capsys):
    folder = shutil.copytree(taught, tmp_path / "demos")
    next((folder / "demo_001").glob("*.mcap")).write_bytes(b"no bag")
    arguments = ["export", str(folder), str(tmp_path / "out"), "--to", "lerobot"]
    assert demos.main([*arguments, "--task", "lap_joint"]) == 1
    assert "demo_001" in capsys.readouterr().err
    assert info(tmp_path / "out")["total_episodes"] == 1


def test_without_pyarrow_it_names_the_remedy(taught, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    arguments = ["export", str(taught), str(tmp_path / "out"), "--to", "lerobot"]
    assert demos.main([*arguments, "--task", "lap_joint"]) == 1
    assert "pip install -r requirements/lerobot.txt" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
