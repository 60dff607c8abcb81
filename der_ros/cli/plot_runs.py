"""``ros2 run der_ros plot_runs RUN_DIR...``: plots the learning curves of runs in one picture.

``plot_runs --paper`` plots the runs of the study (``benchmark ablation``) and renews its tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from der_ros.cli._tool import add_json_option, run_tool
from der_ros.errors import ConfigurationError
from der_ros.training.metrics.comparison import (
    ABSCISSAE,
    Curve,
    Run,
    draw_curves,
    group_runs,
    mean_curve,
    read_run,
)
from der_ros.training.metrics.windows import EPISODE_RETURN, SUCCESS_RATE
from der_ros.training.study.page import PARTS, all_records, write_page

_RESULTS = Path("benchmarks/results")
_PAGE = Path("docs/results.md")


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    parser = _parser()
    options = parser.parse_args(args)
    if options.paper == bool(options.run_dirs):
        parser.error("expected run folders, or --paper without run folders")
    return run_tool(lambda: _study(options) if options.paper else _plot(options))


def _study(options: argparse.Namespace) -> int:
    """Plot the study's runs, update its page and print the summary."""
    records = all_records(options.results)
    if not records:
        raise ConfigurationError(
            f"{options.results}: expected records of finished runs, there are none; make some with "
            "`ros2 run der_ros benchmark ablation`"
        )
    page = options.page or (_PAGE if options.results == _RESULTS else options.results / _PAGE.name)
    written = write_page(records, page, template=_PAGE)
    if options.json:
        print(json.dumps({"runs": len(records), "written": [str(path) for path in written]}))
        return 0
    print(PARTS["summary"](records))
    for path in written:
        print(f"wrote {path}")
    return 0


def _plot(options: argparse.Namespace) -> int:
    metric, runs = _read(options)
    curves = [mean_curve(label, group) for label, group in group_runs(runs).items()]
    environments = {run.environment for run in runs}
    title = environments.pop() if len(environments) == 1 else ""
    draw_curves(curves, metric, options.over, options.out, title)
    if options.json:
        data = [_last(curve) for curve in curves]
        print(json.dumps({"out": str(options.out), "metric": metric, "curves": data}))
        return 0
    for curve in curves:
        print(f"{curve.label}: {curve.runs} run(s), {metric} {curve.mean[-1]:.3g} at last")
    print(f"wrote {options.out}")
    return 0


def _read(options: argparse.Namespace) -> tuple[str, list[Run]]:
    """Return the metric and the runs; the default is success rate, or return without a success."""
    metric = options.metric or SUCCESS_RATE
    runs = [read_run(path, metric, options.over) for path in options.run_dirs]
    if options.metric or any(run.y.any() for run in runs):
        return metric, runs
    return EPISODE_RETURN, [read_run(p, EPISODE_RETURN, options.over) for p in options.run_dirs]


def _last(curve: Curve) -> dict[str, object]:
    """Return the last point of a curve, for JSON."""
    return {
        "label": curve.label,
        "runs": curve.runs,
        "at": float(curve.x[-1]),
        "mean": float(curve.mean[-1]),
        "interval": (float(curve.low[-1]), float(curve.high[-1])),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plot_runs",
        description="Draws the learning curves of run folders. Runs that differ only in their seed "
        "become one curve: their mean with its 95 % interval.",
    )
    parser.add_argument("run_dirs", type=Path, nargs="*", metavar="RUN_DIR", help="run folders")
    parser.add_argument(
        "--paper",
        action="store_true",
        help="draw the study's pictures and tables from its finished runs, in place of run folders",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=_RESULTS,
        help="with --paper: folder of the runs' records (%(default)s)",
    )
    parser.add_argument(
        "--page",
        type=Path,
        help="with --paper: the page to write, with its pictures beside it (default: "
        f"{_PAGE.name} in the folder of the records; {_PAGE} for those of {_RESULTS})",
    )
    parser.add_argument(
        "--metric",
        help=f"name of a metric in metrics.jsonl (default: {SUCCESS_RATE}, or {EPISODE_RETURN} "
        "where no run ever succeeded)",
    )
    parser.add_argument(
        "--over", choices=tuple(ABSCISSAE), default="steps", help="horizontal axis (%(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs.png"), help="picture to write (%(default)s)"
    )
    add_json_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
