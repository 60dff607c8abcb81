import json

import pytest
from records import BUDGET, record

from der_ros.errors import ConfigurationError
from der_ros.training.study.design import StudyRun, study_runs
from der_ros.training.study.run_record import read_record, read_records, write_record


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = write_record(tmp_path, record())
    assert path == tmp_path / "paper" / "lap_joint" / "no_demos-der-00.json"
    read = read_record(path)
    assert read.run == StudyRun("paper", "lap_joint", "no_demos", "der", 0, BUDGET)
    assert read.data == json.loads(json.dumps(record()))
    assert list(path.parent.iterdir()) == [path]


def test_rates_and_returns_of_the_bins(tmp_path):
    read = read_record(write_record(tmp_path, record(rates=(0.0, 0.5, 1.0, 0.8))))
    assert read.steps.tolist() == [250.0, 500.0, 750.0, 1000.0]
    assert read.success_rate.tolist() == [0.0, 0.5, 1.0, 0.8]
    assert read.mean_return.tolist() == pytest.approx([-1.0, -0.5, 0.0, -0.2])
    assert read.final_success == 0.9


def test_a_bin_without_episodes_has_the_rate_before(tmp_path):
    data = record(rates=(0.0, 0.5, 0.0, 0.8))
    data["curve"]["episodes"] = [0, 10, 0, 10]
    read = read_record(write_record(tmp_path, data))
    assert read.success_rate.tolist() == [0.0, 0.5, 0.5, 0.8]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"extra": 1},
        {"settings": {}},
        {"run": {}},
        {"curve": {}},
    ],
)
def test_what_is_no_record_of_the_study_is_refused(tmp_path, change):
    path = write_record(tmp_path, record())
    path.write_text(json.dumps({**record(), **change}))
    with pytest.raises(ConfigurationError, match=str(path)):
        read_record(path)


def test_a_record_of_another_budget_is_refused(tmp_path):
    write_record(tmp_path, record())
    runs = study_runs("paper", [0], ["lap_joint"], ["no_demos"], env_steps=BUDGET + 1)
    with pytest.raises(ConfigurationError, match="another folder of results"):
        read_records(tmp_path, runs)


def test_runs_without_a_record_are_left_out(tmp_path):
    write_record(tmp_path, record(arm="no_der", seed=1))
    runs = study_runs("paper", range(3), ["lap_joint"], ["no_demos"], env_steps=BUDGET)
    assert [found.run.seed for found in read_records(tmp_path, runs)] == [1]
