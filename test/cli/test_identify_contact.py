"""The tool identify_contact without ROS: its results, its file, its refusals."""

import json

import pytest
import yaml
from touching_rig import SpringCell, limits_of, touch_spring

from der_ros.cli import identify_contact
from der_ros.cli.identify_contact import main
from der_ros.launching.cell_parameters import problems, read_parameters
from der_ros.nodes.tools import contact_toucher
from der_ros.policy.force_budget import ContactLimits
from der_ros.settings import names_of


@pytest.fixture
def spring(monkeypatch):
    """A mass of 60 kg above a spring of 200 kN/m in place of the running nodes."""
    seen = {}

    def touch_ground(touching, cell, namespace, accept, tell):
        seen.update(cell=cell, namespace=namespace)
        limits = limits_of("kr60")
        accept(limits)
        tell("search")
        touch_spring(touching, SpringCell(60.0, 2e5))
        return limits

    monkeypatch.setattr(contact_toucher, "touch_ground", touch_ground)
    return seen


def test_the_file_is_one_for_kuka_bridge(spring, tmp_path, capsys):
    out = tmp_path / "contact.yaml"
    assert main(["--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    written = read_parameters(out)
    assert problems(written) == []
    values = written["kuka_bridge"]
    assert set(values) < set(names_of(ContactLimits))
    assert values["contact_mass_kg"] == pytest.approx(60.0, rel=0.1)
    assert values["contact_stiffness_n_per_m"] == pytest.approx(2e5, rel=0.05)
    assert values["pressing_stiffness_n_per_m"] == pytest.approx(2e5 / 3.0, rel=0.05)
    for name, value in values.items():
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
        assert value == pytest.approx(found[name]["value"], rel=0.01)
    assert len(found["touches"]) == 8


def test_an_operator_sees_intervals_and_progress(spring, capsys):
    assert main(["--rounds", "1"]) == 0
    captured = capsys.readouterr()
    assert "95 % interval" in captured.out
    assert "4 touches, 3 presses" in captured.out
    assert (
        "contact_mass_kg"
        in yaml.safe_load(captured.out.partition("\n\n")[2])["/**/kuka_bridge"]["ros__parameters"]
    )
    assert "search" in captured.err


def test_the_cells_frames_come_from_its_file(spring, tmp_path):
    own = tmp_path / "cell.yaml"
    pose = [0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 1.0]
    own.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"tcp_from_sensor": pose}}}))
    assert main(["--config", str(own), "--namespace", "cell_1"]) == 0
    assert spring["cell"]["tcp_from_sensor"] == pose
    assert spring["cell"]["task_frame"][0] == 1.35
    assert spring["namespace"] == "cell_1"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--fastest-mps", "0.04"], "fastest_mps: expected at most 0.03, max_linear_speed_mps"),
        (["--fastest-mps", "0.5"], "parameter fastest_mps"),
        (["--speeds", "1", "--rounds", "2"], "touches: expected at least 4"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--aside-x-m", "5"], "parameter aside_x_m: expected -0.05 to 0.05"),
    ],
)
def test_a_refusal_is_one_line(spring, tmp_path, capsys, options, expected):
    out = tmp_path / "contact.yaml"
    assert main([*options, "--json", "--out", str(out)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--namespace", "a//b"], "namespace: expected a name like cell_1"),
        (["--out", "nowhere/contact.yaml"], "expected a file in a folder that can be written"),
        (["--out", "."], "expected a file in a folder that can be written"),
    ],
)
def test_wrong_arguments_are_refused_before_motion(spring, capsys, options, expected):
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
    assert not spring


def test_the_result_is_printed_before_the_file(spring, tmp_path, capsys, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(identify_contact, "write_whole", full)
    assert main(["--json", "--out", str(tmp_path / "contact.yaml")]) == 1
    assert "contact_mass_kg" in json.loads(capsys.readouterr().out)
