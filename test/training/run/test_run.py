import contextlib
import json
import os

import gymnasium
import numpy as np
import pytest
import reach
from small_runs import config, different, newest

from der_ros.errors import CheckpointError, ConfigurationError
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint
from der_ros.training.metrics.log import read_metrics
from der_ros.training.run.report import End
from der_ros.training.run.resuming import resumed_config
from der_ros.training.run.training_run import TrainingRun


@pytest.mark.parametrize("algorithm", ["ddpg", "td3"])
def test_a_trivial_task_is_learned(tmp_path, algorithm):
    seen = []
    made = config(algorithm=algorithm, max_env_steps=8000)
    outcome = TrainingRun(made, tmp_path / "run", on_metrics=seen.append).run()
    assert outcome.end is End.SOLVED
    assert outcome.success_rate >= 0.95
    folder = tmp_path / "run"
    names = {path.name.split(".")[0] for path in folder.iterdir()}
    assert names >= {"config", "metrics", "events", "checkpoints", "learning_curve"}
    lines = read_metrics(folder / "metrics.jsonl")
    assert len(lines) == len(seen)
    last = lines[-1]
    assert last["time/env_steps"] == outcome.env_steps
    assert last["der/insertions"] > 0
    assert last["replay/zone_share"] == 0.5


def test_one_process_is_repeatable_bit_for_bit(tmp_path):
    for name in ("a", "b"):
        TrainingRun(config(), tmp_path / name).run()
    one, two = newest(tmp_path / "a"), newest(tmp_path / "b")
    assert one["loop/learning/updates"] == two["loop/learning/updates"] == 100
    assert different(one, two) == []
    TrainingRun(config(seed=1), tmp_path / "c").run()
    assert "loop/learning/learner/policy" in different(one, newest(tmp_path / "c"))


def test_resumes_where_it_was(tmp_path):
    run_dir = tmp_path / "run"
    TrainingRun(config(target_success=2.0), run_dir).run()
    before = load_checkpoint(latest_checkpoint(run_dir))["loop"]
    made, folder = resumed_config(run_dir, {"max_env_steps": 600})
    assert (folder, made.learner.hidden) == (run_dir, (32, 32))
    outcome = TrainingRun(made, folder, resume=run_dir).run()
    after = load_checkpoint(latest_checkpoint(run_dir))["loop"]
    assert (outcome.env_steps, after["learning"]["env_steps"]) == (600, 600)
    assert outcome.updates == 200
    counts = [each["learning"]["filter"]["count"] for each in (before, after)]
    assert (counts[1] > counts[0]).all()
    pools = [loop["engine"]["replay"]["pool"]["episodes"] for loop in (before, after)]
    assert len(pools[1]) >= len(pools[0]) > 0
    steps = [line["time/env_steps"] for line in read_metrics(run_dir / "metrics.jsonl")]
    assert steps == sorted(steps)


def test_another_configurations_checkpoint_is_refused(tmp_path):
    TrainingRun(config(), tmp_path / "run").run()
    other = config(hidden=[16, 16])
    with pytest.raises(CheckpointError, match=r"step_0000000400\.ckpt.*same sizes"):
        TrainingRun(other, tmp_path / "other", resume=tmp_path / "run").run()


def test_a_run_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="choose another"):
        TrainingRun(config(), tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_an_unwritable_run_folder_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    with not_root(), pytest.raises(ConfigurationError, match=r"Permission denied.*choose another"):
        TrainingRun(config(), tmp_path).run()


@contextlib.contextmanager
def not_root():
    """Run the block as an unprivileged user, since root may write anywhere."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_refused_run_leaves_its_folder_free(tmp_path):
    with pytest.raises(ConfigurationError, match="demos"):
        TrainingRun(config(demos="/nowhere"), tmp_path).run()
    assert TrainingRun(config(max_env_steps=50), tmp_path).run().env_steps == 50


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"env": "", "task": "tower"}, "lap_joint"),
        ({"env": "NoSuch-v0"}, "NoSuch"),
        ({"env": "CartPole-v1"}, "vectors of numbers"),
        ({"demos": "/nowhere", "replay_structure": "one_shot_in_all"}, "/nowhere"),
    ],
)
def test_an_untrainable_environment_is_refused(tmp_path, options, text):
    with pytest.raises(ConfigurationError, match=text):
        TrainingRun(config(**options), tmp_path / "run").run()


class Unjudged(gymnasium.Wrapper):
    """Environment that does not report success."""

    def step(self, action):
        *result, _ = super().step(action)
        return *result, {}


gymnasium.register("der_ros_test/Unjudged-v0", lambda: Unjudged(reach.Reach()))


def test_der_without_a_success_measure_is_refused(tmp_path):
    unjudged = {"env": "der_ros_test/Unjudged-v0", "workers": 0}
    with pytest.raises(ConfigurationError, match=r"success.*reward threshold.*success_return"):
        TrainingRun(config(**unjudged), tmp_path / "refused").run()
    for name, options in (("judged", {"success_return": 0.0}), ("plain", {"der": False})):
        TrainingRun(config(**unjudged, **options), tmp_path / name).run()


def test_a_stop_writes_a_checkpoint(tmp_path):
    run = TrainingRun(
        config(max_env_steps=0, target_success=2.0), tmp_path, on_metrics=lambda _: run.stop()
    )
    outcome = run.run()
    assert outcome.end is End.STOPPED
    assert newest(tmp_path)["loop/learning/env_steps"] == outcome.env_steps


def test_insertions_start_only_with_der(tmp_path):
    made = config(der=False, max_env_steps=600, target_success=2.0, evaluation_episodes=1)
    TrainingRun(made, tmp_path).run()
    last = read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert (last["der/pool_added"], last["der/insertions"], last["der/zone_transitions"]) == (
        0,
    ) * 3


def test_metrics_are_json_with_the_fixed_prefixes(tmp_path):
    TrainingRun(config(), tmp_path).run()
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        assert {name.split("/")[0] for name in values} <= {
            "rollout",
            "train",
            "time",
            "replay",
            "der",
        }
        assert all(np.isfinite(value) for value in values.values())
