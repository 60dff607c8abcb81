import pytest

from der_ros import run_folders
from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.run import folder


@pytest.fixture(autouse=True)
def _one_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folders.time, "strftime", lambda _: "train_lap_joint_now")


def test_runs_of_one_second_have_a_folder_each():
    folders = [folder.new_run_dir(make_config({})).name for _ in range(3)]
    assert folders == ["train_lap_joint_now", "train_lap_joint_now_2", "train_lap_joint_now_3"]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(ConfigurationError, match="run_dir"):
        folder.new_run_dir(make_config({}))
