"""``ros2 run der_ros doctor``: checks the requirements of a deployment and suggests remedies.

Moves nothing. Sends only HTTP requests, for the sensor's web page. Exit code 0: no problem
(warnings are possible); 1: at least one problem; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from der_ros.cli._tool import add_json_option, add_namespace_option, run_tool
from der_ros.cli.health.computer_checks import Check, CheckLevel, check_clock, check_environment
from der_ros.drivers.addresses import is_loopback


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _examine(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor",
        description="Checks this computer, its network, the policy and the parameters of a "
        "deployment, and gives advice for each problem. Moves nothing.",
        epilog="Exit code 0: no problem (maybe warnings); 1: at least one problem.",
    )
    parser.add_argument(
        "--cell",
        choices=("deploy_kr60", "deploy_iiwa"),
        default="deploy_kr60",
        help="launch file of the deployment to check (%(default)s)",
    )
    parser.add_argument("--robot-ip", help="the controller's address in the RSI network")
    parser.add_argument("--sensor-ip", help="the Net F/T box's address")
    parser.add_argument(
        "--rsi-port", type=_port, default=59152, help="UDP port of kuka_bridge (%(default)s)"
    )
    parser.add_argument(
        "--http-port", type=_port, default=80, help="TCP port of the sensor's page (%(default)s)"
    )
    parser.add_argument("--task", default="lap_joint", help="task to assemble (%(default)s)")
    parser.add_argument("--policy", type=Path, help="ONNX policy; default: the shipped one")
    parser.add_argument(
        "--config",
        type=Path,
        help="value of config:= for the launch file; default: the shipped parameters",
    )
    add_namespace_option(parser, "value of namespace:= for the launch file")
    parser.add_argument(
        "--cycle-ms", type=int, choices=(12, 4), default=12, help="RSI cycle (%(default)s)"
    )
    add_json_option(parser)
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"expected 1 to 65535, got {text}")
    return number


def _examine(options: argparse.Namespace) -> int:
    checks = []
    for check in _checks(options):
        checks.append(check)
        if not options.json:
            _show(check)
    problems = sum(check.level is CheckLevel.PROBLEM for check in checks)
    warnings = sum(check.level is CheckLevel.WARNING for check in checks)
    if options.json:
        report = {"problems": problems, "warnings": warnings}
        print(json.dumps({**report, "checks": [dataclasses.asdict(check) for check in checks]}))
    else:
        print(f"{len(checks)} checks, {warnings} warnings, {problems} problems")
    for who in ("robot", "sensor") if options.cell == "deploy_kr60" else ("sensor",):
        if getattr(options, f"{who}_ip") is None:
            print(f"not checked: the way to the {who} (give --{who}-ip)", file=sys.stderr)
    return 1 if problems else 0


def _checks(options: argparse.Namespace) -> Iterator[Check]:
    yield from check_environment()
    yield from check_clock()
    try:
        # Imported here: they need packages whose absence is reported above.
        from der_ros.cli.health import cell_checks as cell
        from der_ros.cli.health import parameter_checks as parameters
    except ImportError as error:
        advice = "install it (see above), then run this again"
        yield Check(
            "environment", "other checks", CheckLevel.PROBLEM, f"not possible: {error}", advice
        )
        return
    if options.cell == "deploy_kr60":
        yield from cell.check_ports(options.robot_ip, options.rsi_port)
    yield from cell.check_network(options.robot_ip, options.sensor_ip, options.http_port)
    yield from cell.check_policy(options.policy, options.task)
    config = options.config or parameters.shipped_config(options.cell)
    if options.sensor_ip is not None:
        requested = parameters.requested_filter(
            config, options.task, options.cell, options.namespace
        )
        sensor = options.sensor_ip, options.http_port
        yield from cell.check_filter(sensor, options.policy, options.task, requested)
    # Only the driver of a ros2_control arm knows the arm's address, so the sensor's decides.
    address = options.robot_ip if options.cell == "deploy_kr60" else options.sensor_ip
    on_hardware = address is not None and not is_loopback(address)
    cycle_s = 0.001 * options.cycle_ms
    yield from parameters.check_parameters(
        config, options.task, cycle_s, on_hardware, options.cell, options.namespace
    )


def _show(check: Check) -> None:
    print(f"{check.level.value:8} {check.area}, {check.name}: {check.message}")
    if check.advice:
        print(f"{'':8} -> {check.advice}")


if __name__ == "__main__":
    sys.exit(main())
