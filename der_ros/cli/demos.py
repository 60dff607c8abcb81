"""``ros2 run der_ros demos``: lists, checks, converts, exports and trims demonstrations.

Exit code 0: success, and every demonstration fits; 1: one does not fit, or none is found; 2: wrong
arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from der_ros.bags.demonstrations import FACTS_FILE
from der_ros.cli._tool import add_json_option, run_tool
from der_ros.errors import ConfigurationError, printable
from der_ros.policy.contract import PolicyContract
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.task_contract import task_contract
from der_ros.tasks import TASK_NAMES, make_task
from der_ros.training.demonstrations.bag_episodes import bag_episode, is_bag, trim_demonstration
from der_ros.training.demonstrations.checks import (
    CheckedDemonstration,
    check_demonstration,
    demonstrated_task,
)
from der_ros.training.demonstrations.files import save_episode
from der_ros.training.demonstrations.lerobot_dataset import write_lerobot_dataset
from der_ros.training.demonstrations.taught import (
    TaughtEpisode,
    new_folder,
    taught_episode,
    write_npz_episodes,
)

FORMATS = ("lerobot", "npz")
_OUT_HELP = {
    "convert": "folder for the .npz files; made if missing",
    "trim": "folder for the copies; made if missing",
    "export": "folder of the dataset; new or empty",
}


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool and return the exit code."""
    options = _parser().parse_args(args)
    return run_tool(lambda: int(options.run(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demos",
        description="Lists, checks, converts, exports and trims demonstrations: bags of "
        "record_demos.launch.py or of successful attempts of a deployment.",
        epilog="Exit code 0: done, and all demonstrations fit; 1: one does not fit or cannot be "
        "converted, or none is found; 2: wrong arguments.",
    )
    commands = parser.add_subparsers(
        required=True, metavar="list|check|convert|export|trim", dest="command", help="what to do"
    )
    for name, run, text in (
        ("list", _list, "print one line for each demonstration in a folder"),
        ("check", _check, "compare each with the contract of its task, and try to convert it"),
        ("convert", _convert, "write each as an .npz episode, as training converts it"),
        ("export", _export, "write all as a dataset for other tools"),
        ("trim", _trim, "copy each, compressed, with only the data that training and checks need"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        _add_arguments(command, name)
    return parser


def _add_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments of one command: those of all, and its own."""
    command.add_argument("source", type=Path, help="a bag, or a folder of bags")
    if name in _OUT_HELP:
        command.add_argument("out", type=Path, help=_OUT_HELP[name])
    if name == "export":
        command.add_argument(
            "--to",
            choices=FORMATS,
            required=True,
            help="lerobot: a LeRobot dataset, format v3.0 (needs pyarrow); npz: an .npz file "
            "for each episode, with the facts about it",
        )
    command.add_argument(
        "--task", choices=tuple(TASK_NAMES), help="task; default: the one that each bag names"
    )
    command.add_argument(
        "--policy",
        type=Path,
        help="policy whose contract is compared; default: the shipped one",
    )
    add_json_option(command)


def _bags(source: Path) -> list[Path]:
    """Return the bags at ``source``, sorted by name.

    Raises:
        ConfigurationError: There is no bag.
    """
    if is_bag(source):
        return [source]
    found = sorted(path for path in source.iterdir() if is_bag(path)) if source.is_dir() else []
    if not found:
        raise ConfigurationError(f"expected a bag or a folder of bags, there is none at {source}")
    return found


def _contract(options: argparse.Namespace, bag: Path) -> PolicyContract:
    """Return the policy contract that a bag must fit.

    Raises:
        ConfigurationError: ``--task`` is not given, and the bag is damaged or names no known task.
    """
    if options.policy is not None:
        return OnnxPolicy.load(options.policy, options.task).contract
    task = options.task or demonstrated_task(bag)
    if task is None:
        raise ConfigurationError(
            f"{bag} names no task: give --task, one of {', '.join(TASK_NAMES)}"
        )
    try:
        return task_contract(task)
    except ConfigurationError as error:
        raise ConfigurationError(f"{bag}: {error}") from error


def _checked(options: argparse.Namespace) -> Iterator[CheckedDemonstration]:
    for bag in _bags(options.source):
        yield _checked_bag(options, bag)


def _checked_bag(options: argparse.Namespace, bag: Path) -> CheckedDemonstration:
    """Check one bag; in a folder, a bag that names no usable task hides no other.

    Raises:
        ConfigurationError: The policy cannot be used, or the only bag names no usable task.
    """
    try:
        contract = _contract(options, bag)
    except ConfigurationError as error:
        if bag == options.source:
            raise
        return CheckedDemonstration(bag, None, 0, (str(error),))
    return check_demonstration(bag, contract)


def _list(options: argparse.Namespace) -> int:
    return _report(options, check=False)


def _check(options: argparse.Namespace) -> int:
    return _report(options, check=True)


def _report(options: argparse.Namespace, check: bool) -> int:
    rows = list(_checked(options))
    if options.json:
        print(json.dumps({"demonstrations": [_as_json(row) for row in rows]}))
    else:
        for row in rows:
            print(printable(_line(row)))
            for problem in row.problems if check else ():
                print(printable(f"    {problem}"))
    return int(check and any(row.problems for row in rows))


def _line(row: CheckedDemonstration) -> str:
    facts, state = row.facts, "does not fit" if row.problems else "fits"
    if facts is None:
        kind = "a demonstration" if (row.path / FACTS_FILE).exists() else "a deployment's bag"
        return f"{row.path.name}: {kind}, {row.steps} steps, {state}"
    return (
        f"{row.path.name}: {facts.made_by}, {facts.task} on {facts.robot}, {row.steps} steps, "
        f"{facts.duration_s:.1f} s, peak {facts.peak_force_n:.0f} N, {state}"
    )


def _as_json(row: CheckedDemonstration) -> dict[str, Any]:
    facts = asdict(row.facts) if row.facts else None
    return {
        "path": str(row.path),
        "facts": facts,
        "steps": row.steps,
        "problems": list(row.problems),
    }


def _export(options: argparse.Namespace) -> int:
    """Write a dataset of all convertible bags; return 1 if any bag could not be converted."""
    bags = _bags(options.source)
    read = [each for bag in bags if (each := _taught(options, bag)) is not None]
    if not read:
        return 1
    taught, contracts = zip(*read, strict=True)
    failed = len(bags) - len(taught)
    _check_same_period(contracts)
    with new_folder(options.out) as folder:
        if options.to == "lerobot":
            write_lerobot_dataset(folder, taught, contracts[0])
        else:
            write_npz_episodes(folder, taught)
    frames = sum(each.episode.steps for each in taught)
    if options.json:
        figures = {"episodes": len(taught), "frames": frames, "failed": failed}
        print(json.dumps({"out": str(options.out), "format": options.to, **figures}))
    else:
        print(f"{len(taught)} episodes, {frames} steps, written to {options.out}")
    return int(failed > 0)


def _taught(options: argparse.Namespace, bag: Path) -> tuple[TaughtEpisode, PolicyContract] | None:
    """Return a bag's episode and contract; print the error and return None if it has none."""
    try:
        contract = _contract(options, bag)
        return taught_episode(bag, contract.task), contract
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return None


def _check_same_period(contracts: Sequence[PolicyContract]) -> None:
    """Check that all contracts of a dataset have the same control period.

    Raises:
        ConfigurationError: The control periods differ.
    """
    periods = {contract.task: contract.control_dt_s for contract in contracts}
    if len(set(periods.values())) > 1:
        listed = ", ".join(f"{task} {period_s:g} s" for task, period_s in periods.items())
        raise ConfigurationError(
            f"expected demonstrations with one control period, got {listed}; export each task alone"
        )


def _convert(options: argparse.Namespace) -> int:
    """Write each bag as an ``.npz`` episode; print an error for each that cannot be converted."""
    bags = _bags(options.source)
    options.out.mkdir(parents=True, exist_ok=True)
    written, failed = [], 0
    for bag in bags:
        try:
            episode = bag_episode(bag, make_task(_contract(options, bag).task))
        except ConfigurationError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        path = options.out / f"{bag.name}.npz"
        save_episode(path, episode)
        written.append(str(path))
    if options.json:
        print(json.dumps({"written": written, "failed": failed}))
    else:
        print(f"{len(written)} episodes written to {options.out}")
    return int(failed > 0)


def _trim(options: argparse.Namespace) -> int:
    """Write a trimmed copy of each bag; an existing copy is an error."""
    bags = _bags(options.source)
    options.out.mkdir(parents=True, exist_ok=True)
    for bag in bags:
        trim_demonstration(bag, options.out / bag.name)
    if options.json:
        print(json.dumps({"out": str(options.out), "demonstrations": len(bags)}))
    else:
        print(f"{len(bags)} demonstrations written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
