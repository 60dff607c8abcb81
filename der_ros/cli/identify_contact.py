"""``ros2 run der_ros identify_contact``: identifies mass and stiffness for the force budget.

It moves the robot. Exit code 0: identified; 1: not identified, with the reason on standard error;
2: wrong arguments; 130: interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from der_ros.cli._tool import (
    add_json_option,
    add_namespace_option,
    add_output_option,
    add_settings,
    run_tool,
)
from der_ros.control.contact.fit import ContactFit, Estimate, fit_contact
from der_ros.control.contact.touching import ContactTouching, TouchingPlan
from der_ros.launching.cell_parameters import CELLS, merged, read_parameters, shipped_config
from der_ros.policy.force_budget import ContactLimits
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import made_from, settings_of
from der_ros.whole_files import write_whole

_PLAN = settings_of(TouchingPlan)


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _identify(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="identify_contact",
        description="MOVES THE ROBOT: lowers the held piece onto the ground piece at a few speeds, "
        "fits moving mass and stiffness, and writes the parameters of kuka_bridge that a force "
        "budget is computed with.",
        epilog="Start ft_bridge and kuka_bridge (and sim_cell), the bridge with "
        "command_publishers:=identify_contact. No other node may command the robot. Place the "
        "held piece a few millimetres above the ground piece, where it meets it flat. Ctrl-C "
        "stops the robot. Exit code 0: identified; 1: not, and why.",
    )
    parser.add_argument(
        "--cell",
        choices=CELLS,
        default=CELLS[0],
        help="launch file of the deployment (%(default)s)",
    )
    parser.add_argument("--config", type=Path, help="your cell's parameters file")
    add_namespace_option(parser, "namespace of the nodes")
    add_settings(parser, _PLAN, defaults=True)
    add_output_option(parser, "parameters file to write")
    add_json_option(parser)
    return parser


def _identify(options: argparse.Namespace) -> int:
    plan_options = {each.name: getattr(options, each.name) for each in _PLAN}
    plan = made_from(
        TouchingPlan, {name: value for name, value in plan_options.items() if value is not None}
    )
    touching = ContactTouching(plan)
    limits = _touch(touching, plan, options)
    fit = fit_contact(touching.presses, touching.touches, np.random.default_rng(0))
    fit.check_peaks(limits.reaction_delay_s)
    print(json.dumps(_as_json(fit)) if options.json else _as_text(fit, limits))
    if options.out is not None:
        write_whole(options.out, _as_parameters(fit))
        print(f"written: {options.out}", file=sys.stderr)
    return 0


def _touch(
    touching: ContactTouching, plan: TouchingPlan, options: argparse.Namespace
) -> GovernorLimits:
    """Carry out the touches and return the limits of the robot."""
    # Imported here: the arguments are checked without ROS.
    from der_ros.nodes.tools.contact_toucher import touch_ground

    paths = [shipped_config(options.cell), *([options.config] if options.config else [])]
    cell = merged([read_parameters(path) for path in paths], "kuka_bridge")
    return touch_ground(
        touching,
        cell,
        options.namespace,
        plan.check,
        lambda stage: print(stage, file=sys.stderr, flush=True),
    )


def _estimates(fit: ContactFit) -> dict[str, Estimate]:
    """Return the estimates by parameter of ``kuka_bridge``."""
    return {
        "contact_mass_kg": fit.mass_kg,
        "contact_stiffness_n_per_m": fit.stiffness_n_per_m,
        "pressing_stiffness_n_per_m": fit.pressing_n_per_m,
    }


def _as_json(fit: ContactFit) -> dict[str, object]:
    return {
        **{name: each._asdict() for name, each in _estimates(fit).items()},
        "touches": [{"speed_mps": speed, "peak_n": peak} for speed, peak in fit.peaks],
        "presses": fit.presses,
    }


def _as_parameters(fit: ContactFit) -> str:
    """Return the estimates as the YAML text of a parameters file for ``kuka_bridge``."""
    values = {name: float(f"{each.value:.3g}") for name, each in _estimates(fit).items()}
    return yaml.safe_dump({"/**/kuka_bridge": {"ros__parameters": values}}, sort_keys=False)


def _as_text(fit: ContactFit, limits: ContactLimits) -> str:
    lines = [f"{'':28}{'fit':>10}   {'95 % interval':21}{'the robot has':>13}"]
    lines += [
        f"{name:28}{each.value:10.4g}   {f'{each.low:.4g} to {each.high:.4g}':21}"
        f"{getattr(limits, name):13.4g}"
        for name, each in _estimates(fit).items()
    ]
    share = fit.peak_share(limits.reaction_delay_s)
    lines += [
        f"{len(fit.peaks)} touches, {fit.presses} presses; largest peak "
        f"{max(peak for _, peak in fit.peaks):.0f} N, at most {100.0 * share:.0f} % of what a "
        "force budget expects",
        "",
        _as_parameters(fit),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
