"""The generated parts of the results page match the committed records."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from records import record

from der_ros.cli import plot_runs
from der_ros.errors import ConfigurationError
from der_ros.training.metrics.comparison import mean_band, t_95
from der_ros.training.study import policy_table
from der_ros.training.study.arms import KNOBS
from der_ros.training.study.cells import NOTHING
from der_ros.training.study.design import StudyRun, study_runs
from der_ros.training.study.knob_map import draw_knobs, knob_table
from der_ros.training.study.page import PARTS, all_records, made_page, picture_name
from der_ros.training.study.run_record import RunRecord, write_record
from der_ros.training.study.study_answers import answer, first_successes, summary
from der_ros.training.study.tables import (
    arm_table,
    cost_table,
    measure_table,
    missing_table,
    verdict_table,
)

ROOT = Path(__file__).resolve().parents[3]
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "results.md"


@pytest.fixture
def results(tmp_path):
    """Records of the lap joint, six seeds of each arm; DER wins with every seed."""
    for seed, higher in enumerate((0.6, 0.8, 0.9) * 2):
        write_record(tmp_path, record("der", seed, rates=(0.0, 0.5, higher, higher)))
        write_record(tmp_path, record("no_der", seed, rates=(0.0, 0.0, 0.2, 0.3), final=30))
    return tmp_path


def test_every_figure_on_the_page_is_in_the_records():
    text = PAGE.read_text(encoding="utf-8")
    assert made_page(text, all_records(RESULTS)) == text
    assert {name for name in PARTS if f"<!-- made: {name} -->" in text} == set(PARTS)


@pytest.mark.parametrize(
    ("study", "task", "sentence"),
    [
        (
            "paper",
            "lap joint",
            r"(\d+) % of all .*? succeed, (\d+) % without it \((\d+) pairs .*?p = ([\d.]+)\)",
        ),
        ("paper", "peg in hole", r"runs to tell: (\d+) and (\d+) % \((\d+) pairs, p = ([\d.]+)\)"),
        ("fast", "lap joint", r"no clear difference: (\d+) and (\d+) % \((\d+) pairs\)"),
        ("rare", "lap joint", r"are rare, (\d+) and (\d+) % \((\d+) pairs, p = ([\d.]+)\)"),
    ],
)
def test_the_readme_states_the_newest_figures(study, task, sentence):
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    on, off, pairs, *p = re.search(sentence, text).groups()
    table = measure_table(study, all_records(RESULTS)).splitlines()
    row = next(line for line in table if line.startswith(f"| {task}, no demonstrations "))
    _, seeds, _, first, second, _, probability = (
        each.strip() for each in row.strip("|").split("|")
    )
    figures = [float(re.search(r"([\d.]+) %", arm)[1]) for arm in (first, second)]
    assert [on, off, pairs] == [*(f"{figure:.0f}" for figure in figures), seeds]
    assert all(float(said) == pytest.approx(float(probability), abs=0.0005) for said in p)


def test_no_comparison_shows_that_der_hurts():
    """README and page state it."""
    assert "and hurts in 0;" in summary(all_records(RESULTS))


def test_the_records_are_small():
    sizes = [path.stat().st_size for path in RESULTS.rglob("*") if path.is_file()]
    assert sum(sizes) < 2_000_000
    assert max(sizes, default=0) < 16_000


def test_a_table_by_hand(results):
    records = all_records(results)
    row = verdict_table("paper", records).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # On: means of 0.425, 0.525, 0.575; off: 0.125.
    assert cells == [
        "lap joint, no demonstrations",
        "6",
        "50.8 % / 12.5 %",
        "+38.3 % (+33.3 % to +43.3 %)",
        "0.031",
        "better",
        "agrees",
    ]
    assert "6 seeds an arm. DER helps: **yes**." in answer("paper", records)
    assert measure_table("paper", records).count("\n") == 1 + 6


def test_steps_never_reached_are_said(results):
    rows = measure_table("paper", all_records(results)).splitlines()
    (row,) = [row for row in rows if "| steps to 80 % |" in row]
    assert "DER on: 0.8 k (2 never)" in row
    assert "DER off: 1.0 k (6 never)" in row


def test_the_fixed_share_has_an_answer_of_its_own(tmp_path):
    for seed in range(6):
        write_record(tmp_path, record("der", seed, study="fast", final=80))
        lower = record("der_by_priority", seed, rates=(0.0, 0.0, 0.2, 0.2), study="fast", final=60)
        write_record(tmp_path, lower)
    assert answer("fast", all_records(tmp_path)).splitlines() == [
        "Lap joint, preset `fast`, 6 seeds an arm. The fixed share helps: **yes**.",
        "",
        "* Mean success in training, DER on / DER on, no fixed share: 62.5 % / 10.0 %, "
        "difference +52.5 % (+52.5 % to +52.5 %).",
        "* Success of the last policy: 80.0 % / 60.0 %, difference +20.0 % (+20.0 % to +20.0 %).",
    ]


def test_the_table_of_runs_says_which_code_was_changed(tmp_path):
    write_record(tmp_path, {**record(), "commit": 4 * "0123456789" + "-dirty"})
    write_record(tmp_path, {**record(seed=1), "commit": 4 * "0123456789"})
    rows = cost_table(all_records(tmp_path)).splitlines()[2:]
    assert [row.split("|")[8].strip() for row in rows] == ["`0123456789`", "`0123456789-dirty`"]


def test_a_line_of_each_learner_by_hand(tmp_path):
    for seed, final in enumerate((80, 100)):
        rates = (0.0, 0.2, 0.4, seed / 2)
        write_record(
            tmp_path,
            record("plain_td3", seed, "peg_in_hole", "no_demos", rates, final=final, study="peers"),
        )
    row = arm_table("peers", all_records(tmp_path)).splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "peg in hole",
        "no demonstrations",
        "plain TD3",
        "2",
        "90.0 % (80.0 to 100.0 %)",
        "21.3 %",
        "1.0 k (1 never)",
        "2.5",
    ]


def test_nothing_finished_is_said():
    of_records = set(PARTS) - {"policies", "missing"}
    assert {PARTS[name]([]) for name in of_records} == {NOTHING}


def test_first_successes_by_hand(tmp_path):
    for seed in range(2):
        for structure, first in (("no_demos", (None, 500)[seed]), ("one_shot_in_all", 300)):
            write_record(tmp_path, record("der", seed, structure=structure, first=first))
    write_record(tmp_path, record("der", 2, first=200))
    assert first_successes("paper", all_records(tmp_path)).splitlines() == [
        "* Lap joint, no demonstrations, 3 seeds: 0.6 k (1 never).",
        "* One shot in all, 2 seeds: 0.3 k; the same seeds without: 0.8 k (1 never).",
        "  Sooner by +0.5 k (+0.2 k to +0.7 k), p = 0.5: **too few seeds to tell**.",
    ]


def test_a_summary_by_hand(results):
    records = all_records(results)
    assert summary(records).startswith("Comparisons of DER on and off: it helps in 1 of 1 and ")
    swapped = [
        RunRecord(one.run._replace(arm={"der": "no_der", "no_der": "der"}[one.run.arm]), one.data)
        for one in records
    ]
    assert "helps in 0 of 1 and hurts in 1; in 0 the seeds" in summary(swapped)


def test_the_missing_runs_are_listed_by_cell():
    planned = list(study_runs("sac", range(3)))
    records = [RunRecord(run, {}) for run in planned[:2]]
    line = "| 2 | 6 | `--study sac --task lap_joint --structure no_demos --seeds 3` |"
    assert line in missing_table(records).splitlines()
    finished = [RunRecord(run, {}) for run in planned]
    assert "--study sac" not in missing_table(finished)


def test_a_card_without_its_table_is_refused(tmp_path, monkeypatch):
    card = tmp_path / "lap_joint.md"
    card.write_text(f"{policy_table.SECTION}\n| a |\n|---|\n| 1 |\n\n## Next\n\n| 2 |\n")
    monkeypatch.setattr(
        policy_table, "shipped_policies", lambda: {"lap_joint": card.with_suffix(".onnx")}
    )
    assert policy_table.policy_table().splitlines()[2:] == ["| lap joint | 1 |"]
    card.write_text("# Policy\n")
    with pytest.raises(ConfigurationError, match="expected a table below"):
        policy_table.policy_table()


def test_plot_runs_draws_the_study_and_renews_its_page(results, tmp_path, capsys):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("Before.\n\n<!-- made: verdicts paper -->\nold\n<!-- end -->\n\nAfter.\n")
    arguments = ["--paper", "--results", str(results), "--page", str(page)]
    assert plot_runs.main(arguments) == 0
    text = page.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")
    assert "| lap joint, no demonstrations | 6 |" in text
    assert "old" not in text
    for name in ("results.png", picture_name("paper", "lap_joint")):
        assert (page.parent / "pictures" / name).read_bytes().startswith(b"\x89PNG")
    assert not (page.parent / "pictures" / picture_name("paper", "peg_in_hole")).exists()
    capsys.readouterr()
    assert plot_runs.main(arguments) == 0
    assert page.read_text() == text


def test_runs_of_your_own_get_their_own_page(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    page.write_text(text := "<!-- made: verdicts paper -->\nold\n<!-- end -->\n")
    assert plot_runs.main(["--paper", "--results", str(results)]) == 0
    assert page.read_text() == text
    assert "| lap joint, no demonstrations | 6 |" in (results / "results.md").read_text()
    assert (results / "pictures" / "results.png").exists()


def test_a_missing_page_without_a_template_is_refused(results, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert plot_runs.main(["--paper", "--results", str(results)]) == 1
    assert "docs/results.md: No such file" in capsys.readouterr().err


def test_a_folder_without_records_is_refused(tmp_path, capsys):
    assert plot_runs.main(["--paper", "--results", str(tmp_path)]) == 1
    assert "benchmark ablation" in capsys.readouterr().err


def test_two_budgets_of_a_task_are_refused(tmp_path):
    write_record(tmp_path, record())
    other = record(seed=1)
    write_record(tmp_path, {**other, **with_budget(other, 2000)})
    with pytest.raises(ConfigurationError, match="expected a budget of 1000 steps"):
        all_records(tmp_path)


def with_budget(one, env_steps):
    run = StudyRun(**one["run"])._replace(env_steps=env_steps)
    return {"run": run._asdict(), "settings": run.settings()}


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigurationError, match="got 'weather'"):
        made_page("<!-- made: weather -->\n<!-- end -->\n", [])


def test_the_band_is_the_mean_and_students_interval():
    mean, half = mean_band(np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 1.0]]))
    assert mean.tolist() == pytest.approx([0.5, 1.0])
    assert half.tolist() == pytest.approx([t_95(2) * 0.5 / math.sqrt(3), 0.0])
    assert mean_band(np.array([[0.3, 0.4]]))[1].tolist() == [0.0, 0.0]


def test_knob_cells_are_means_of_the_same_seeds(tmp_path):
    """Seed 1 lacks a cell; the preset's own cell is that of DER on."""
    rates = {"der": (0.0, 0.4, 0.4, 0.0), "no_der": (0.0, 0.2, 0.2, 0.0)}
    for seed in (0, 1):
        for arm in ("der", "no_der", *KNOBS):
            if (seed, arm) != (1, "der_2000_4000"):
                curve = rates.get(arm, (0.0, 0.5, 0.5, 0.5)) if seed == 0 else (1.0,) * 4
                write_record(tmp_path, record(arm, seed, study="knobs", rates=curve))
    table = knob_table(all_records(tmp_path)).splitlines()
    assert table[2] == "| 2,000 | 37.5 % | 37.5 % | 37.5 % |"
    assert table[3] == "| 10,000 | 37.5 % | 20.0 % | 37.5 % |"
    assert table[-1] == "1 seed in every cell. DER off, the same seeds: 10.0 %."
    picture = tmp_path / "knobs.png"
    assert draw_knobs(all_records(tmp_path), picture)
    assert picture.stat().st_size > 5_000
