import os
import zipfile

import numpy as np
import pytest

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint import file as checkpoint
from der_ros.training.checkpoint.file import (
    config_of,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from der_ros.training.checkpoint.writer import (
    CheckpointWriter,
    checkpoint_path,
    drop_old_checkpoints,
    set_checkpoints_aside_after,
)

CONTENT = {
    "a": {"x": np.arange(5.0), "y": np.array(True), "empty": np.zeros((0, 3), np.float32)},
    "b": [1, 2.5, None, "text", b"bytes", (True, [np.ones(2)]), 1 << 127],
    "later": lambda: {"z": np.float64(0.1)},
}


def saved(tmp_path, name="step_0000000001.ckpt"):
    path = tmp_path / name
    save_checkpoint(path, CONTENT)
    return path


def test_goes_round(tmp_path):
    path = saved(tmp_path / "c")
    got = load_checkpoint(path)
    assert got["a"]["x"].tolist() == [0, 1, 2, 3, 4]
    assert got["a"]["y"].dtype == bool
    assert got["a"]["empty"].shape == (0, 3)
    *plain, pair, large = got["b"]
    assert plain == [1, 2.5, None, "text", b"bytes"]
    assert (pair[0], pair[1][0].tolist(), large) == (True, [1.0, 1.0], 1 << 127)
    assert got["later"] == {"z": 0.1}
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no temporary files


def test_a_part_can_be_read_alone(tmp_path):
    assert load_checkpoint(saved(tmp_path), "later") == {"later": {"z": 0.1}}


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused_by_name(tmp_path, keep):
    path, before = saved(tmp_path), saved(tmp_path, "step_0000000000.ckpt")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(CheckpointError, match=rf"{path.name}.*truncated.*take .*{before.name}"):
        load_checkpoint(path)


def test_a_pipe_or_a_device_is_refused_at_once(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    os.mkfifo(folder / "step_0000000002.ckpt")
    (folder / "step_0000000001.ckpt").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="no regular file"):
        latest_checkpoint(tmp_path)


def test_an_array_that_is_named_twice_is_refused(tmp_path):
    path = saved(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["tree.json"] = members["tree.json"].replace(b"a/y.npy", b"a/x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(CheckpointError, match=r"'a/x\.npy' once, got it twice"):
        load_checkpoint(path)


@pytest.mark.parametrize("config", ["text", None, [1]])
def test_a_configuration_of_another_kind_is_refused(tmp_path, config):
    path = tmp_path / "step_0000000001.ckpt"
    save_checkpoint(path, {"config": config})
    with pytest.raises(CheckpointError, match="expected names and values"):
        config_of(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(np.arange(5.0).tobytes()) + 9] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=path.name):
        load_checkpoint(path)


def test_a_flipped_bit_never_changes_the_content(tmp_path):
    """Flips include the archive's versions, flags and compressions; some bits are unused."""
    path = saved(tmp_path)
    whole, content = path.read_bytes(), repr(load_checkpoint(path))
    refusals = []
    for index in range(len(whole)):
        path.write_bytes(flipped(whole, index))
        try:
            assert repr(load_checkpoint(path)) == content
        except CheckpointError as error:
            refusals.append(str(error))
    assert len(refusals) > len(whole) / 2
    assert all(path.name in text and "\n" not in text for text in refusals)


def flipped(data, index):
    return data[:index] + bytes([data[index] ^ 1 << index % 8]) + data[index + 1 :]


def test_random_bytes_are_refused_by_name(tmp_path):
    path, rng = tmp_path / "random.ckpt", np.random.default_rng(0)
    for size in (10, 64, 5000):
        path.write_bytes(rng.bytes(size))
        with pytest.raises(CheckpointError, match=r"random\.ckpt: expected .* start a new run"):
            load_checkpoint(path)


def test_pickles_and_foreign_files_are_refused(tmp_path):
    pickled, foreign, text = tmp_path / "p.ckpt", tmp_path / "f.ckpt", tmp_path / "t.ckpt"
    with pytest.raises(TypeError, match="plain data"):
        save_checkpoint(pickled, {"a": object()})
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        save_checkpoint(pickled, {"a": np.array([{}], object)})
    with pickled.open("wb") as file:
        np.savez(file, **{"tree.json": np.array([{"a": 1}], object)}, allow_pickle=True)
    with foreign.open("wb") as file:
        np.savez(file, weights=np.ones(3))
    text.write_text("hello")
    for path in (pickled, foreign, text):
        with pytest.raises(CheckpointError, match=rf"{path.name}.*start a new run"):
            load_checkpoint(path)


def test_a_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    path = saved(tmp_path)

    def full_disk(_archive, _value, *_name):
        raise OSError("no space left")

    monkeypatch.setattr(checkpoint, "_pack", full_disk)
    with pytest.raises(OSError, match="no space"):
        saved(tmp_path)
    monkeypatch.undo()
    assert load_checkpoint(path)["later"] == {"z": 0.1}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_checkpoint_nested_too_deep_is_refused(tmp_path):
    path = tmp_path / "deep.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tree.json", "[" * 100_000)
    with pytest.raises(CheckpointError, match="recursion"):
        load_checkpoint(path)


def test_any_failed_write_is_known_at_the_end(tmp_path, caplog):
    writer = CheckpointWriter(tmp_path, 2)
    writer.start(1, {"later": lambda: object()})
    with pytest.raises(CheckpointError, match=r"plain data at later.*checkpoint before"):
        writer.finish()
    assert "could not be written" in caplog.text
    writer.start(2, CONTENT)
    writer.finish()
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 2)


def test_old_and_half_written_checkpoints_are_dropped(tmp_path):
    for steps in (900, 1000, 20):
        save_checkpoint(checkpoint_path(tmp_path, steps), {})
    half = checkpoint_path(tmp_path, 1100)
    half.with_name(half.name + "abc.part").write_text("what a killed run leaves")
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 1000)
    drop_old_checkpoints(tmp_path, 1)
    assert list((tmp_path / "checkpoints").iterdir()) == [checkpoint_path(tmp_path, 1000)]
    with pytest.raises(CheckpointError, match="resume: expected a checkpoint"):
        latest_checkpoint(tmp_path / "elsewhere")


def test_the_newest_whole_checkpoint_of_a_run_is_taken(tmp_path, caplog):
    paths = [checkpoint_path(tmp_path, steps) for steps in (1, 2, 3)]
    for path in paths:
        save_checkpoint(path, CONTENT)
    paths[2].write_bytes(b"")
    paths[1].write_bytes(paths[1].read_bytes()[:-40])
    assert latest_checkpoint(tmp_path) == paths[0]
    assert [record.args[0] for record in caplog.records] == [paths[2], paths[1]]
    assert all("is taken instead" in record.message for record in caplog.records)
    caplog.clear()
    paths[0].write_bytes(b"hello")
    with pytest.raises(CheckpointError, match=r"3\.ckpt .*2\.ckpt .*1\.ckpt .*start a new run"):
        latest_checkpoint(tmp_path)
    assert not caplog.records


def test_later_checkpoints_than_resumed_do_not_count(tmp_path):
    for steps in (10, 20, 30):
        save_checkpoint(checkpoint_path(tmp_path, steps), {})
    set_checkpoints_aside_after(tmp_path, 20)
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 20)
    drop_old_checkpoints(tmp_path, 1)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step_0000000020.ckpt", "step_0000000030.ckpt.aside"]
