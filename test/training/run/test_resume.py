import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import reach
from small_runs import SMALL, different, newest

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint, save_checkpoint
from der_ros.training.checkpoint.writer import checkpoint_path
from der_ros.training.config import make_config
from der_ros.training.metrics.log import read_metrics
from der_ros.training.run.options import resolve_run
from der_ros.training.run.resuming import loop_state, resumed_config
from der_ros.training.run.training_run import TrainingRun

# Uses all that a run in one process can: evaluations, insertions, first priorities, an average.
FULL = {**SMALL, "algorithm": "td3", "first_priority": "td_error", "target_success": 2.0}
FULL |= {"average_share": 0.2}
FULL |= {"max_env_steps": 2500, "evaluation_threshold": 0.2, "checkpoint_interval_s": 0.05}

# Stops in the middle of episodes, whose physics must continue bit for bit.
LAP_JOINT = {"workers": 0, "hidden": [8], "batch_size": 16, "learning_starts": 100, "seed": 4}
LAP_JOINT |= {"capacity": 5000, "zone_size": 300, "max_env_steps": 600, "shards": 2}
LAP_JOINT |= {"checkpoint_interval_s": 0.05, "evaluation_episodes": 1, "randomization": "paper"}

START = """
import sys, reach
from der_ros.training.run.training_run import TrainingRun
from der_ros.training.config import make_config
from pathlib import Path
TrainingRun(make_config(eval(sys.argv[1])), Path(sys.argv[2])).run()
"""


def killed_after_a_checkpoint(options, run_dir, env_steps):
    """Run in a separate process until a checkpoint of at least ``env_steps`` exists."""
    folder = {"cwd": Path(reach.__file__).parent}
    process = subprocess.Popen([sys.executable, "-c", START, repr(options), str(run_dir)], **folder)
    deadline = time.monotonic() + 60.0
    while steps_saved(run_dir) < env_steps:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def steps_saved(run_dir):
    names = [path.stem for path in (run_dir / "checkpoints").glob("step_*.ckpt")]
    return max((int(name.split("_")[1]) for name in names), default=0)


def comparable(run_dir):
    """Return the last line of metrics, without values that depend on the clock."""
    last = read_metrics(run_dir / "metrics.jsonl")[-1]
    by_clock = {name for name in last if name.startswith("time/")}
    return {name: last[name] for name in last if name not in by_clock or name in STEPS}


STEPS = ("time/env_steps", "time/updates")


@pytest.mark.parametrize("options", [FULL, LAP_JOINT], ids=["reach", "lap_joint"])
def test_a_resumed_run_is_the_whole_run_bit_for_bit(tmp_path, options):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    steps = options["max_env_steps"]
    TrainingRun(make_config({**options, "checkpoint_interval_s": 1000.0}), whole).run()
    killed_after_a_checkpoint(options, killed, steps // 3)
    from_steps = steps_saved(killed)
    assert steps // 3 <= from_steps < steps
    made, folder = resumed_config(killed, {"max_minutes": 9.0})
    TrainingRun(made, folder, resume=killed).run()

    asked = ["config/checkpoint_interval_s", "config/max_minutes"]
    assert different(newest(whole), newest(killed)) == asked
    assert comparable(whole) == comparable(killed)
    steps = [line["time/env_steps"] for line in read_metrics(killed / "metrics.jsonl")]
    assert steps == sorted(steps)
    rates = [
        {
            line["time/env_steps"]: line["rollout/evaluation_success_rate"]
            for line in read_metrics(folder / "metrics.jsonl")
            if "rollout/evaluation_success_rate" in line
        }
        for folder in (whole, killed)
    ]
    assert rates[0] == rates[1]
    assert len(rates[0]) > (options is FULL)


def test_a_run_with_workers_goes_on_after_a_kill(tmp_path):
    options = {
        "env": "Pendulum-v1",
        "success_return": 0.0,
        "workers": 1,
        "hidden": [8],
        "learning_starts": 100,
    }
    options |= {"checkpoint_interval_s": 0.1, "capacity": 5000, "zone_size": 300}
    options |= {"batch_size": 16, "evaluation_episodes": 1}
    killed_after_a_checkpoint(options, tmp_path / "run", 500)
    from_steps = steps_saved(tmp_path / "run")
    made, folder = resumed_config(tmp_path / "run", {"max_env_steps": from_steps + 500})
    outcome = TrainingRun(made, folder, resume=folder).run()
    assert outcome.env_steps >= from_steps + 500


def test_an_unsavable_environment_starts_anew(tmp_path):
    options = {
        "env": "Pendulum-v1",
        "success_return": 0.0,
        "workers": 0,
        "hidden": [8],
        "learning_starts": 100,
    }
    options |= {"capacity": 5000, "zone_size": 300, "batch_size": 16, "evaluation_episodes": 1}
    made = make_config({**options, "max_env_steps": 350})
    TrainingRun(made, tmp_path).run()
    worker = load_checkpoint(latest_checkpoint(tmp_path))["loop"]["engine"]["rollouts"]
    assert (worker["environment"], worker["recorder"]) == (None, None)
    made, folder = resumed_config(tmp_path, {"max_env_steps": 600})
    assert TrainingRun(made, folder, resume=folder).run().env_steps == 600
    last = read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert last["rollout/episode_length"] == 200  # no episode was cut in two


def test_what_a_checkpoint_lacks_is_refused_by_name(tmp_path):
    TrainingRun(make_config(SMALL), tmp_path / "run").run()
    path = latest_checkpoint(tmp_path / "run")
    content = load_checkpoint(path)
    del content["loop"]["engine"]["replay"]["shards"]["1"]
    save_checkpoint(path, content)
    made, folder = resumed_config(tmp_path / "run")
    with pytest.raises(ValueError, match=rf"{path.name}.*earlier"):
        TrainingRun(made, folder, resume=folder).run()


@pytest.mark.parametrize(
    ("part", "value"),
    [("random", {}), ("episodes_started", None), ("exploration", {}), ("snapshot", np.nan)],
)
def test_a_damaged_worker_closes_its_environment(tmp_path, monkeypatch, part, value):
    TrainingRun(make_config(SMALL), tmp_path).run()
    path = latest_checkpoint(tmp_path)
    content = load_checkpoint(path)
    worker = content["loop"]["engine"]["rollouts"]
    if part == "snapshot":
        worker[part]["parameters"][0] = value
    else:
        worker[part] = value
    save_checkpoint(path, content)
    closed = []
    monkeypatch.setattr(reach.Reach, "close", lambda _: closed.append(True))
    made, folder = resumed_config(tmp_path)
    with pytest.raises(CheckpointError, match=r"state of the worker: .*earlier"):
        TrainingRun(made, folder, resume=folder).run()
    assert closed == [True, True]  # one described the run's environment


def test_a_damaged_checkpoint_leaves_the_one_before(tmp_path, caplog):
    options = {**SMALL, "target_success": 2.0, "evaluation_episodes": 1}
    TrainingRun(make_config({**options, "max_env_steps": 200}), tmp_path).run()
    made, folder, source = resolve_run("fast", {"max_env_steps": 400}, resume=str(tmp_path))
    TrainingRun(made, folder, source).run()
    before, damaged = (checkpoint_path(tmp_path, steps) for steps in (200, 400))
    damaged.write_bytes(damaged.read_bytes()[:-10])

    made, folder, source = resolve_run("fast", {"max_env_steps": 300}, resume=str(tmp_path))
    assert (folder, source) == (tmp_path, before)
    assert f"{damaged} cannot be read" in caplog.text
    assert TrainingRun(made, folder, source).run().env_steps == 300
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 300)
    assert checkpoint_path(tmp_path, 200).exists()  # the damaged one counts as none of the two kept


def test_a_resumed_run_may_keep_other_checkpoints(tmp_path):
    TrainingRun(make_config({**SMALL, "max_env_steps": 200}), tmp_path).run()
    chosen = {"max_env_steps": 300, "checkpoints_kept": 1}
    made, folder, source = resolve_run("fast", chosen, resume=str(tmp_path))
    TrainingRun(made, folder, source).run()
    kept = list((tmp_path / "checkpoints").glob("step_*.ckpt"))
    assert kept == [checkpoint_path(tmp_path, 300)]


def test_other_conditions_drop_the_evaluations(tmp_path):
    first = make_config({**LAP_JOINT, "max_env_steps": 150})
    TrainingRun(first, tmp_path).run()
    before = load_checkpoint(latest_checkpoint(tmp_path))
    assert before["loop"]["evaluations"]["best_report"] is not None
    made, folder = resumed_config(tmp_path, {"max_env_steps": 200, "robot": "kr60"})
    same, other = (loop_state(before, config) for config in (first, made))
    assert same is before["loop"]
    assert other["evaluations"]["best_report"] is None
    assert other["evaluations"]["started"] == before["loop"]["evaluations"]["started"]
    outcome = TrainingRun(made, folder, resume=tmp_path).run()
    assert outcome.env_steps == 200
    assert newest(tmp_path)["config/robot"] == "kr60"
