"""The file of a run that records each node's parameters."""

import platform

import numpy as np
import onnxruntime
import pytest

from der_ros.errors import ConfigurationError
from der_ros.launching.cell_parameters import read_parameters
from der_ros.launching.run_parameters import write_run_parameters

GIVEN = {"kuka_bridge": {"max_linear_speed_mps": 0.03, "axis_signs": (1.0, -1.0)}}


def test_it_is_a_parameters_file_of_the_nodes(tmp_path):
    path = write_run_parameters(tmp_path / "run", {"task": "lap_joint"}, GIVEN)
    assert path == tmp_path / "run" / "parameters.yaml"
    assert read_parameters(path) == {
        "kuka_bridge": {"max_linear_speed_mps": 0.03, "axis_signs": [1.0, -1.0]}
    }
    assert "# task:=lap_joint" in path.read_text().splitlines()


def test_it_states_the_versions(tmp_path):
    lines = write_run_parameters(tmp_path, {}, GIVEN).read_text().splitlines()
    assert lines[0].startswith("# der_ros ")
    assert lines[1] == (
        f"# Python {platform.python_version()}, numpy {np.__version__}, "
        f"onnxruntime {onnxruntime.__version__}"
    )


def test_a_list_of_two_nodes_is_written_twice(tmp_path):
    frame = [1.0, 2.0]
    nodes = {name: {"task_frame": frame} for name in ("sim_cell", "kuka_bridge")}
    assert "&" not in write_run_parameters(tmp_path, {}, nodes).read_text()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="run_dir: expected a folder that can be written"):
        write_run_parameters(tmp_path / "file" / "run", {}, GIVEN)
