import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from der_ros.cli import evaluate, train
from der_ros.training.demonstrations.files import load_demonstrations

ORACLE = ["--controller", "oracle"]


def test_the_oracle_can_be_watched_and_counted(tmp_path, capsys):
    film = tmp_path / "out.gif"
    arguments = ["--episodes", "2", "--video", str(film), "--video-episodes", "1", "--json"]
    assert evaluate.main([*ORACLE, *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["controller"] == "oracle"
    assert result["policy"] is None
    assert result["complete"] is True
    assert result["episodes"] == result["successes"] == 2
    assert 0.0 < result["median_duration_s"] < 16.0
    peaks = [result[f"{name}peak_force_n"] for name in ("median_", "p99_", "")]
    assert 0.0 < peaks[0] < peaks[1] < peaks[2]
    with Image.open(film) as image:
        # A frame a control period; the held ones at the end are stored as one long one.
        assert image.n_frames > 15


def test_successes_are_saved_as_demonstrations(tmp_path, capsys):
    demos = tmp_path / "demos"
    arguments = [*ORACLE, "--task", "peg_in_hole", "--episodes", "2", "--save-demos", str(demos)]
    assert evaluate.main(arguments) == 0
    assert "wrote 2 demonstrations" in capsys.readouterr().err
    first, second = load_demonstrations(demos, 13, 6)
    folded = load_demonstrations(demos, 13, 6, symmetry=4)
    unfolded = np.concatenate((first.observations, second.observations))
    assert (unfolded != np.concatenate([one.observations for one in folded])).any()
    assert first.rewards[-1] > 500.0 > first.rewards[:-1].max()
    settings = ["--set", "hidden=[8]", "--set", "learning_starts=0", "--max-env-steps", "100"]
    settings += ["--set", "evaluation_episodes=1", "--set", "capacity=10000"]
    settings += ["--set", "zone_size=1000"]
    given = ["--task", "peg_in_hole", "--workers", "0", "--replay-structure", "all_shots_in_all"]
    given += ["--demos", str(demos), "--run-dir", str(tmp_path / "run"), "--set", "shards=2"]
    assert train.main([*given, *settings]) == 0


def test_failures_are_not_saved(tmp_path, capsys):
    demos = tmp_path / "demos"
    arguments = ["--controller", "blind", "--task", "peg_in_hole", "--save-demos", str(demos)]
    assert evaluate.main([*arguments, "--episodes", "1"]) == 0
    assert "wrote 0 demonstrations" in capsys.readouterr().err
    assert list(demos.iterdir()) == []


def test_a_folder_of_demonstrations_is_not_replaced(tmp_path, capsys):
    (tmp_path / "mine.npz").write_bytes(b"")
    assert evaluate.main([*ORACLE, "--episodes", "1", "--save-demos", str(tmp_path)]) == 1
    assert "expected a folder without .npz files" in capsys.readouterr().err
    assert (tmp_path / "mine.npz").read_bytes() == b""


def test_the_blind_push_rarely_succeeds(capsys):
    assert evaluate.main(["--controller", "blind", "--episodes", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["successes"] < 3


def test_a_person_reads_the_interval(capsys):
    assert evaluate.main([*ORACLE, "--episodes", "1"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == (
        "lap_joint (robotless): 1 of 1 succeeded, 100.0% (95 % interval 20.7% to 100.0%)"
    )


def test_a_variant_of_a_task_is_given_by_its_options(capsys):
    round_peg = ["--task", "peg_in_hole", "--option", "shape=round", "--option", "chamfer_m=0.003"]
    assert evaluate.main([*ORACLE, "--episodes", "1", *round_peg]) == 0
    assert "1 of 1 succeeded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--clearance", "-0.001"], "clearance"),
        (["--clearance", "nan"], "clearance"),
        (["--option", "shape=round"], "unknown option shape"),
        (["--option", "clearance=0.001"], "clearance cannot be given here"),
        (["--option", "epsilon_m"], "name=value"),
        (["--video", "out.avi"], ".mp4 or .gif"),
        (["--video", "/nowhere/out.gif"], "/nowhere"),
        (["--video", "{tmp}/out.gif", "--video-episodes", "0"], "at least one episode"),
    ],
)
def test_a_users_mistake_is_one_line(arguments, text, tmp_path, capsys):
    given = [part.format(tmp=tmp_path) for part in arguments]
    assert evaluate.main([*ORACLE, "--episodes", "1", *given]) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("error: ")
    assert text in line
    assert captured.out == ""


def test_a_window_without_a_display_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":4711")
    assert evaluate.main([*ORACLE, "--episodes", "1", "--window"]) == 1
    assert "--window: expected a display" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        ([*ORACLE, "--robot", "scara"], "robotless"),
        ([*ORACLE, "--randomization", "much"], "paper"),
        ([*ORACLE, "--policy", "x.onnx"], "not allowed"),
        ([], "--policy"),
    ],
)
def test_a_wrong_choice_is_refused_with_the_choices(arguments, choices, capsys):
    with pytest.raises(SystemExit) as error:
        evaluate.main(arguments)
    assert error.value.code == 2
    assert choices in capsys.readouterr().err


def test_interrupted_it_prints_what_it_has_and_says_so():
    command = [sys.executable, "-m", "der_ros.cli.evaluate", *ORACLE, "--episodes", "100000"]
    process = subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr:
            if line.startswith("50 of 100000 episodes"):
                break
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60.0)
    finally:
        process.kill()
        process.wait()
    result = json.loads(output)
    assert process.returncode == 130
    assert result["complete"] is False
    assert 50 <= result["episodes"] < 100000
