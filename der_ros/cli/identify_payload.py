"""``ros2 run der_ros identify_payload``: identifies the sensor's payload from readings at rest.

Exit code 0: identified; 1: not identified, with the reason on standard error; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from der_ros.cli._payload_sources import from_bag, from_table, paired
from der_ros.cli._tool import add_json_option, add_output_option, run_tool
from der_ros.drivers.netft.identification import Identification, RestReading, identify
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2
from der_ros.drivers.netft.rests import TimedReading, find_rests
from der_ros.errors import ConfigurationError
from der_ros.geometry import Array, Pose
from der_ros.launching.cell_parameters import merged, read_parameters, shipped_config
from der_ros.whole_files import write_whole


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _identify(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="identify_payload",
        description="Finds mass and centre of mass of the payload of the force/torque sensor from "
        "readings at rest in four or more orientations, and writes ft_bridge's parameters.",
        epilog="Move the tool freely in the air into orientations that differ by 30 degrees and "
        "more about two axes, and rest a second in each. ft_bridge must not compensate meanwhile "
        "(payload_mass_kg 0). Exit code 0: found; 1: not found, with the reason.",
    )
    parser.add_argument(
        "source",
        help="a rosbag2 folder; a CSV file with the columns fx fy fz tx ty tz qx qy qz qw (the "
        "sensor's orientation in the world) and, for a recording, t; or 'live': listen until "
        "Ctrl-C",
    )
    parser.add_argument("--config", type=Path, help="parameters file; default: the shipped one")
    parser.add_argument(
        "--wrench-topic", default="netft_data", help="topic of the wrenches (%(default)s)"
    )
    parser.add_argument(
        "--pose-topic", default="kuka/tcp_pose", help="topic of the poses (%(default)s)"
    )
    for name, default, text in (
        ("--min-rest-s", 0.5, "shortest rest, s"),
        ("--seconds", float("inf"), "with 'live': stop after this time, s"),
        ("--max-force-residual-n", 1.0, "largest allowed residual force, N"),
        ("--max-torque-residual-nm", 0.1, "largest allowed residual torque, Nm"),
    ):
        parser.add_argument(name, type=_positive, default=default, help=f"{text} (%(default)s)")
    add_output_option(parser, "parameters file to write")
    add_json_option(parser)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0.0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _identify(options: argparse.Namespace) -> int:
    values = _parameters(options.config or shipped_config())
    gravity = np.array(values.get("gravity_mps2", (0.0, 0.0, -STANDARD_GRAVITY_MPS2)))
    fitted = identify(
        _readings(options, values),
        gravity,
        options.max_force_residual_n,
        options.max_torque_residual_nm,
    )
    print(json.dumps(_as_json(fitted)) if options.json else _as_text(fitted))
    if options.out is not None:
        write_whole(options.out, _as_parameters(fitted))
        print(f"written: {options.out}", file=sys.stderr)
    return 0


def _parameters(path: Path) -> dict[str, Any]:
    return merged([read_parameters(path)], "ft_bridge")


def _readings(options: argparse.Namespace, values: dict[str, Any]) -> list[RestReading]:
    """Return the readings at rest from the source named on the command line.

    Raises:
        ConfigurationError: The source does not exist, or is neither CSV file, bag nor ``live``.
        BagError: The bag is damaged or lacks a topic.
    """
    path = Path(options.source)
    if path.is_file() and path.suffix not in (".mcap", ".db3"):
        return from_table(path, options.min_rest_s)
    tcp_from_sensor = _sensor_on_tool(values)
    if options.source == "live":
        return find_rests(_live(options, tcp_from_sensor), options.min_rest_s)
    if not path.exists():
        raise ConfigurationError(f"{path}: expected a CSV file, a rosbag2 folder or 'live'")
    return from_bag(
        path, options.wrench_topic, options.pose_topic, tcp_from_sensor, options.min_rest_s
    )


def _sensor_on_tool(values: dict[str, Any]) -> Array:
    pose = values.get("tcp_from_sensor", (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    return Pose.from_sequence(pose, "parameter tcp_from_sensor").quaternion


def _live(options: argparse.Namespace, tcp_from_sensor: Array) -> list[TimedReading]:
    """Record readings from the topics until Ctrl-C or ``--seconds`` have passed."""
    # Imported here: the other sources need no ROS.
    from der_ros.nodes.tools.payload_recorder import record

    kept: list[TimedReading] = []
    end = time.monotonic() + options.seconds
    try:
        print("listening; Ctrl-C when the tool has rested in each orientation", file=sys.stderr)
        record(
            options.wrench_topic,
            options.pose_topic,
            lambda: time.monotonic() >= end,
            lambda wrench, pose, s: kept.append(paired(wrench, pose, tcp_from_sensor, s)),
        )
    except KeyboardInterrupt:
        print(f"{len(kept)} readings", file=sys.stderr)
    return kept


def _as_json(fitted: Identification) -> dict[str, object]:
    return {
        "mass_kg": fitted.payload.mass_kg,
        "mass_error_kg": fitted.mass_error_kg,
        "center_of_mass_m": fitted.payload.center_of_mass_m.tolist(),
        "center_error_m": fitted.center_error_m.tolist(),
        "offset": fitted.offset.to_array().tolist(),
        "force_residual_n": fitted.force_residual_n,
        "torque_residual_nm": fitted.torque_residual_nm,
        "condition": fitted.condition,
        "orientations": fitted.orientations,
    }


def _as_parameters(fitted: Identification) -> str:
    """Return the payload as the YAML text of a parameters file for ft_bridge."""
    parameters = {
        "payload_mass_kg": round(fitted.payload.mass_kg, 5),
        "payload_center_of_mass_m": fitted.payload.center_of_mass_m.round(6).tolist(),
    }
    document = {"/**/ft_bridge": {"ros__parameters": parameters}}
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None)


def _as_text(fitted: Identification) -> str:
    center, error = (
        ", ".join([f"{1e3 * value:.2f}" for value in values.tolist()])
        for values in (fitted.payload.center_of_mass_m, fitted.center_error_m)
    )
    offset = ", ".join([f"{value:.3f}" for value in fitted.offset.to_array().tolist()])
    return (
        f"mass:            {fitted.payload.mass_kg:.4f} kg (+- {fitted.mass_error_kg:.4f})\n"
        f"center of mass:  {center} mm (+- {error})\n"
        f"offset:          {offset} (N, Nm)\n"
        f"left over:       {fitted.force_residual_n:.3f} N, {fitted.torque_residual_nm:.4f} Nm\n"
        f"orientations:    {fitted.orientations}, condition number {fitted.condition:.2f}\n"
        f"\n{_as_parameters(fitted)}"
    )


if __name__ == "__main__":
    sys.exit(main())
