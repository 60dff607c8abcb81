"""The arms of a study differ only in their insertions."""

import numpy as np
import pytest
import reach  # noqa: F401  (registers the environment)

from der_ros.replay.structures import STRUCTURE_NAMES
from der_ros.replay.transitions import Episode
from der_ros.training.config import make_config
from der_ros.training.demonstrations.files import save_episode
from der_ros.training.study.arms import ARMS, DER_OFF, DER_ON
from der_ros.training.study.design import STUDIES, study_runs
from der_ros.training.study.trial import Trial

# A small version of the preset paper, on a task that chance sometimes solves.
REACH = {
    "env": "der_ros_test/Reach-v0",
    "algorithm": "ddpg",
    "exploration": "ornstein_uhlenbeck",
    "hidden": [16, 16],
    "batch_size": 32,
    "learning_starts": 100,
    "updates_per_step": 0.2,
    "capacity": 5000,
    "zone_size": 300,
    "shards": 3,
    "first_priority": "td_error",
    "noise_min": 0.1,
    "noise_max": 0.1,
    "fragment_steps": 10,
    "evaluation_episodes": 1,
    "permanent_demonstrations": False,
    "fold_symmetry": False,
    "target_interval": 500,
    "evaluation_threshold": 2.0,
    "workers": 0,
    "max_env_steps": 2000,
}


def trial(**settings):
    return Trial(make_config({**REACH, **settings}))


def parameters(one):
    return one.learner.snapshot().parameters


def demonstrations(folder):
    """Write six straight paths from different places to the origin."""
    folder.mkdir()
    for number in range(6):
        positions = np.linspace(1.0, 0.0, 6)[:, None] * np.array([[1.0, 0.1 * number]])
        save_episode(
            folder / f"{number}.npz",
            Episode(
                positions.astype(np.float32),
                np.full((5, 2), -1.0, np.float32),
                -positions[1:, 0].astype(np.float32),
                True,
                False,
                True,
            ),
        )
    return str(folder)


@pytest.mark.parametrize("structure", STRUCTURE_NAMES)
def test_without_an_insertion_both_arms_are_one_run(tmp_path, structure):
    demos = "" if structure == "no_demos" else demonstrations(tmp_path / "demos")
    settings = {"replay_structure": structure, "demos": demos, "insertion_interval": 10**9}
    on, off = trial(der=True, **settings), trial(der=False, **settings)
    with_der, without = on.run(), off.run()
    assert with_der["successes"] > 0
    assert with_der["updates"] > 300
    assert parameters(on).tobytes() == parameters(off).tobytes()
    assert with_der["curve"] == without["curve"]


def test_the_arms_part_at_the_first_insertion():
    on, off = trial(der=True, insertion_interval=200), trial(der=False, insertion_interval=200)
    parted_at = None
    with on._engine, off._engine:
        while parted_at is None and on.learner.env_steps < 2000:
            on.loop.turn(), off.loop.turn()
            assert on.learner.env_steps == off.learner.env_steps
            inserted = on._engine.replay.insertions
            same = parameters(on).tobytes() == parameters(off).tobytes()
            if not same:
                parted_at = on.learner.env_steps
                assert inserted > 0
    assert on.curve.first_success < parted_at < 2000
    assert off._engine.replay.insertions == 0


def test_the_settings_of_two_arms_differ_in_der_alone():
    assert set(ARMS[DER_ON]) == set(ARMS[DER_OFF]) == {"der"}
    for name in [name for name, study in STUDIES.items() if DER_OFF in study.arms]:
        task = next(iter(STUDIES[name].budgets))
        of_one_cell = {}
        for run in study_runs(name, [3], [task], ["no_demos"]):
            of_one_cell[run.arm] = run.config()
        on, off = of_one_cell[DER_ON].to_yaml(), of_one_cell[DER_OFF].to_yaml()
        different = set(on.splitlines()) ^ set(off.splitlines())
        assert different == {"der: true", "der: false"}
