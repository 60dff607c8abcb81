import errno
import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import Episode
from der_ros.training.demonstrations.files import load_demonstrations, save_episode


def episode(steps=3, success=True, first=0.0):
    observations = np.full((steps + 1, 2), first, np.float32)
    actions, rewards = np.ones((steps, 1), np.float32), np.ones(steps, np.float32)
    return Episode(observations, actions, rewards, True, False, success)


def test_a_folder_is_read_in_order_of_names(tmp_path):
    for name, steps in (("b", 4), ("a", 3)):
        save_episode(tmp_path / f"{name}.npz", episode(steps))
    assert [e.steps for e in load_demonstrations(tmp_path, 2, 1)] == [3, 4]
    (one,) = load_demonstrations(tmp_path / "b.npz", 2, 1)
    assert (one.terminated, one.truncated, one.success) == (True, False, True)


@pytest.mark.parametrize("wrong", [episode(success=False), episode(first=np.nan), episode(0)])
def test_what_is_no_demonstration_is_refused(tmp_path, wrong):
    save_episode(tmp_path / "w.npz", wrong)
    with pytest.raises(ConfigurationError, match=r"w\.npz"):
        load_demonstrations(tmp_path, 2, 1)


def test_a_full_disk_leaves_no_half_an_episode(tmp_path, monkeypatch):
    def half(file, **_arrays):
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(ConfigurationError, match=r"e\.npz, got: No space left on device"):
        save_episode(tmp_path / "e.npz", episode())
    assert list(tmp_path.iterdir()) == []


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there are none"):
        load_demonstrations(tmp_path / "nowhere", 2, 1)
    save_episode(tmp_path / "e.npz", episode())
    with pytest.raises(ConfigurationError, match="expected a successful episode"):
        load_demonstrations(tmp_path, 13, 6)
    (tmp_path / "e.npz").write_text("hello")
    with pytest.raises(ConfigurationError, match=r"e\.npz is no episode"):
        load_demonstrations(tmp_path, 2, 1)


def test_demonstrations_of_symmetric_pieces_fold(tmp_path):
    observations = np.zeros((3, 13), np.float32)
    observations[:, 5:7] = np.sqrt(0.5)  # a quarter turn about z
    episode = Episode(
        observations, np.zeros((2, 6), np.float32), np.zeros(2, np.float32), True, False, True
    )
    save_episode(tmp_path / "turned.npz", episode)
    (folded,) = load_demonstrations(tmp_path, 13, 6, symmetry=4)
    assert folded.observations[:, 3:7] == pytest.approx(np.tile((0, 0, 0, 1), (3, 1)), abs=1e-6)


def arrays(**changes):
    """Return the arrays of a valid episode, some of them replaced."""
    right = {name: np.asarray(value) for name, value in episode()._asdict().items()}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"rewards": None}, "rewards"),
        ({"rewards": np.array(["a", "b", "c"])}, "expected real numbers"),
        ({"rewards": np.ones(3, complex)}, "expected real numbers"),
        ({"actions": np.array([{}], object)}, "plain numbers"),
        ({"actions": np.float32(3.0)}, "expected a successful episode"),
        ({"observations": np.full((4, 2), 1e300)}, "finite numbers"),
        ({"success": np.array([True, False])}, "expected true or false"),
        ({"success": np.array("yes")}, "expected true or false"),
        ({"success": np.array(np.nan)}, "success: expected true or false, got nan"),
    ],
)
def test_wrong_arrays_are_refused_in_one_line(tmp_path, changes, match):
    np.savez(tmp_path / "w.npz", **arrays(**changes))
    with pytest.raises(ConfigurationError, match=match) as caught:
        load_demonstrations(tmp_path, 2, 1)
    assert "w.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_refused_before_it_takes_memory(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.zeros(0, np.float32))
    header = content.getvalue().replace(b"(0,)", b"(4000000000,)").replace(b" " * 9, b"", 1)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in arrays():
            archive.writestr(f"{name}.npy", header)
    with pytest.raises(ConfigurationError, match=r"bomb\.npz is no episode"):
        load_demonstrations(tmp_path, 2, 1)


def test_a_header_that_zip_packs_small_is_not_unpacked(tmp_path):
    length = 100_000_000
    header = b"\x93NUMPY\x02\x00" + length.to_bytes(4, "little") + b" " * length
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("observations.npy", header)
    assert (tmp_path / "bomb.npz").stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(ConfigurationError, match=r"bomb\.npz is no episode"):
        load_demonstrations(tmp_path, 2, 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000


def test_damaged_episodes_are_refused_or_the_same(tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "e.npz"
    save_episode(path, episode())
    whole, wanted = path.read_bytes(), repr(load_demonstrations(path, 2, 1))
    refused = 0
    for at in rng.integers(len(whole), size=500):
        damaged = bytearray(whole)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            assert repr(load_demonstrations(path, 2, 1)) == wanted
        except ConfigurationError:
            refused += 1
    assert refused > 250


def test_a_truncated_episode_is_refused(tmp_path):
    path = tmp_path / "e.npz"
    save_episode(path, episode())
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ConfigurationError, match=r"e\.npz"):
            load_demonstrations(path, 2, 1)
