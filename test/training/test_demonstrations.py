import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import Episode
from der_ros.training.demonstrations import load_demonstrations, save_episode


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


def test_other_sizes_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there are none"):
        load_demonstrations(tmp_path / "nowhere", 2, 1)
    save_episode(tmp_path / "e.npz", episode())
    with pytest.raises(ConfigurationError, match="expected a successful episode"):
        load_demonstrations(tmp_path, 13, 6)
    (tmp_path / "e.npz").write_text("hello")
    with pytest.raises(ConfigurationError, match=r"e\.npz is no episode"):
        load_demonstrations(tmp_path, 2, 1)


def test_demonstrations_of_a_symmetric_piece_are_folded(tmp_path):
    observations = np.zeros((3, 13), np.float32)
    observations[:, 5:7] = np.sqrt(0.5)  # a quarter turn about z
    episode = Episode(observations, np.zeros((2, 6), np.float32), np.zeros(2, np.float32), True,
                      False, True)  # fmt: skip
    save_episode(tmp_path / "turned.npz", episode)
    (folded,) = load_demonstrations(tmp_path, 13, 6, symmetry=4)
    assert folded.observations[:, 3:7] == pytest.approx(np.tile((0, 0, 0, 1), (3, 1)), abs=1e-6)
