"""Made-up run records for tests of their readers."""

from der_ros.training.study.design import StudyRun

BUDGET = 1000


def record(
    arm="der",
    seed=0,
    task="lap_joint",
    structure="no_demos",
    rates=(0.0, 0.5, 1.0, 1.0),
    first=300,
    final=90,
    study="paper",
):
    """Return a record with these success rates, ten episodes per bin."""
    run = StudyRun(study, task, structure, arm, seed, BUDGET)
    bins = len(rates)
    return {
        "format": 1,
        "run": run._asdict(),
        "settings": run.settings(),
        "commit": "c",
        "machine": {},
        "versions": {},
        "date": "2026-11-29",
        "minutes": 3.0,
        "cpu_minutes": 2.5,
        "env_steps": BUDGET,
        "updates": 40,
        "first_success": first,
        "successes": round(10 * sum(rates)),
        "insertions": 6,
        "zone_transitions": 100,
        "final": {"episodes": 100, "successes": final, "mean_return": -1.5},
        "curve": {
            "bin_steps": BUDGET // bins,
            "episodes": [10] * bins,
            "successes": [round(10 * rate) for rate in rates],
            "greedy_episodes": [2] * bins,
            "greedy_successes": [round(2 * rate) for rate in rates],
            "mean_return": [rate - 1.0 for rate in rates],
        },
    }
