"""Each run gets a new folder."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from der_ros.errors import ConfigurationError
from der_ros.run_folders import new_run_folder


def test_runs_of_one_second_have_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: form.replace("%Y%m%d-%H%M%S", "now"))
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: new_run_folder("deploy"), range(8)))
    names = ["deploy_now", *[f"deploy_now_{number}" for number in range(2, 9)]]
    assert folders == {Path("runs") / name for name in names}
    assert all(folder.is_dir() for folder in folders)


def test_where_no_folder_can_be_made_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ConfigurationError, match="run_dir: cannot make the folder runs/deploy_"):
        new_run_folder("deploy")
