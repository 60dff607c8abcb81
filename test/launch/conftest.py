"""Places of a launch's files."""

import pytest


@pytest.fixture
def run_dir(tmp_path):
    """Run folder, which does not exist before the launch."""
    return tmp_path / "run"


@pytest.fixture
def output(tmp_path):
    """File for what a launch prints."""
    return tmp_path / "output.txt"
