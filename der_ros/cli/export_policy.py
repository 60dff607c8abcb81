"""``ros2 run der_ros export_policy``: exports a run, checkpoint or policy file as ONNX."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from der_ros.cli._tool import add_json_option, run_tool
from der_ros.errors import ConfigurationError
from der_ros.policy.contract import PRECISIONS
from der_ros.policy.file.writing import stamp_policy


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: _export(options))


def _export(options: argparse.Namespace) -> int:
    if options.out.exists() and not options.force:
        raise ConfigurationError(f"{options.out} exists; give --force or another name")
    difference = _write(options)
    if options.json:
        print(json.dumps({"path": str(options.out), "max_difference": difference}))
    elif options.stamp:
        print(f"wrote {options.out}, the same policy with the checksum of its content")
    else:
        print(f"wrote {options.out}, at most {difference:.1e} from the trained network")
    return 0


def _write(options: argparse.Namespace) -> float:
    """Write the file; return the largest difference of an action from the source's."""
    if options.stamp:
        _stamp(options)
        return 0.0
    if options.source.suffix == ".onnx":
        return _convert(options)
    # Imported here: stamping does not need the training packages.
    from der_ros.training.export import export_checkpoint

    return export_checkpoint(
        options.source,
        options.out,
        options.newest,
        options.precision,
        options.average,
        options.dither or 0.0,
    )


def _convert(options: argparse.Namespace) -> float:
    """Convert a policy file to the requested precision and dither; return the largest error."""
    if options.newest or options.average:
        raise ConfigurationError(
            f"{options.source}: --newest and --average expect a run folder or a checkpoint, got a "
            "policy file, which holds one policy; leave them out"
        )
    from der_ros.policy.export.reading import convert_policy

    return convert_policy(options.source, options.out, options.precision, options.dither)


def _stamp(options: argparse.Namespace) -> None:
    """Write the policy again with the checksum of its content."""
    changes = options.newest or options.average or options.dither is not None
    if changes or options.precision != PRECISIONS[0]:
        raise ConfigurationError(
            "--stamp writes the same policy again; give --newest, --average, --precision or "
            "--dither without it"
        )
    stamp_policy(options.source, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export_policy",
        description="Exports the best evaluated policy of a checkpoint, or the newest where none "
        "has been evaluated, with filter, squash and contract in one file, checked against the "
        "trained network.",
    )
    parser.add_argument(
        "source", type=Path, help="a run folder, a checkpoint, or a float64 .onnx policy"
    )
    parser.add_argument("out", type=Path, help="the .onnx file to write")
    parser.add_argument(
        "--newest", action="store_true", help="export the newest policy in place of the best one"
    )
    parser.add_argument(
        "--average",
        type=Path,
        nargs="+",
        default=(),
        metavar="CHECKPOINT",
        help="more checkpoints of the same run; export the average of the newest policies of the "
        "source and of these, which is steadier than each of them",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="number type that the file computes with; float32 is for runtimes without float64 "
        "(OpenVINO, tract); nothing is written if an action differs by more than 1e-5 "
        "(%(default)s)",
    )
    parser.add_argument(
        "--dither",
        type=float,
        metavar="SHARE",
        help="probability with which each component of the action pauses while the piece stays in "
        "one place, which ends an endless to and fro, such as 0.5; default: none, or that of the "
        "policy file",
    )
    parser.add_argument(
        "--stamp",
        action="store_true",
        help="copy a policy file of an earlier release and add the checksum that this release "
        "requires; its actions stay the same bit for bit",
    )
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    add_json_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
