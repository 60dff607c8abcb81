import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.study.arms import RLPD_SAC
from der_ros.training.study.design import STUDIES, study_runs


def test_a_stop_leaves_whole_seeds():
    runs = list(study_runs("paper", range(2), structures=["no_demos"]))
    assert [(run.seed, run.task, run.arm) for run in runs] == [
        (0, "lap_joint", "der"),
        (0, "lap_joint", "no_der"),
        (0, "peg_in_hole", "der"),
        (0, "peg_in_hole", "no_der"),
        (1, "lap_joint", "der"),
        (1, "lap_joint", "no_der"),
        (1, "peg_in_hole", "der"),
        (1, "peg_in_hole", "no_der"),
    ]


def test_five_seeds_of_the_paper_are_eighty_runs():
    runs = list(study_runs("paper", range(5)))
    assert len({run.name for run in runs}) == len(runs) == 80


def test_every_run_is_one_process_for_the_whole_budget():
    for name, study in STUDIES.items():
        for run in study_runs(name, [7], structures=["no_demos"]):
            config = run.config("demonstrations" if run.needs_demonstrations else "")
            assert config.worker_count() == 0
            assert config.max_env_steps == study.budgets[run.task]
            assert config.target_success > 1.0
            assert config.seed == 7


def test_half_of_each_rlpd_batch_is_demonstrations():
    (run,) = [r for r in study_runs("peers", [0], ["lap_joint"]) if r.arm == RLPD_SAC]
    config = run.config("demonstrations")
    assert (config.algorithm, config.der, config.zone_share) == ("sac", False, 0.5)
    assert config.replay_structure == "all_shots_in_all"
    assert config.replay().shard.zone_size > 0


@pytest.mark.parametrize(
    "given",
    [
        {"study": "none"},
        {"study": "paper", "tasks": ["key_slot"]},
        {"study": "fast", "structures": ["one_shot_each"]},
    ],
)
def test_what_a_study_does_not_have_is_refused(given):
    with pytest.raises(ConfigurationError, match="expected one of"):
        list(study_runs(seeds=[0], **given))
