import numpy as np
import pytest

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint import (
    Checkpoint,
    checkpoint_path,
    drop_old_checkpoints,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)

CONTENT = Checkpoint({"a/x": np.arange(5.0), "a/y": np.array(True), "b/x": np.ones(2)}, {"n": 3})


def test_goes_round(tmp_path):
    path = tmp_path / "c" / "one.npz"
    save_checkpoint(path, CONTENT)
    got = load_checkpoint(path)
    assert got.meta["n"] == 3
    assert got.part("a")["x"].tolist() == [0, 1, 2, 3, 4]
    assert set(got.part("a")) == {"x", "y"}
    assert [p.name for p in path.parent.iterdir()] == ["one.npz"]  # no leftovers


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_one_is_refused_by_name(tmp_path, keep):
    path = tmp_path / "one.npz"
    save_checkpoint(path, CONTENT)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(CheckpointError, match=r"one\.npz.*truncated"):
        load_checkpoint(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "one.npz"
    save_checkpoint(path, CONTENT)
    data = bytearray(path.read_bytes())
    data[data.index(np.arange(5.0).tobytes()) + 9] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"one\.npz"):
        load_checkpoint(path)


def test_pickles_and_foreign_files_are_refused(tmp_path):
    pickled, foreign = tmp_path / "p.npz", tmp_path / "f.npz"
    np.savez(pickled, **{"meta.json": np.array([{"a": 1}], object)}, allow_pickle=True)
    np.savez(foreign, weights=np.ones(3))
    for path in (pickled, foreign):
        with pytest.raises(CheckpointError, match=path.name):
            load_checkpoint(path)


def test_a_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "one.npz"
    save_checkpoint(path, CONTENT)

    def full_disk(file, **_arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, CONTENT)
    monkeypatch.undo()
    assert load_checkpoint(path).meta["n"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["one.npz"]


def test_the_newest_is_found_and_old_ones_are_dropped(tmp_path):
    for steps in (900, 1000, 20):
        save_checkpoint(checkpoint_path(tmp_path, steps), CONTENT)
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 1000)
    drop_old_checkpoints(tmp_path, 1)
    assert list((tmp_path / "checkpoints").iterdir()) == [checkpoint_path(tmp_path, 1000)]
    with pytest.raises(CheckpointError, match="resume: expected a checkpoint"):
        latest_checkpoint(tmp_path / "elsewhere")
