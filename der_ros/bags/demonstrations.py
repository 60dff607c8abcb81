"""A folder of demonstrations: bags of successful attempts, each with its author and cell."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from der_ros.bags.attempt_log import check_folder
from der_ros.documents import read_yaml, shortened
from der_ros.errors import BagError, ConfigurationError
from der_ros.whole_files import write_whole

FACTS_FILE = "demonstration.yaml"
MAKERS = ("human", "scripted", "policy")
_PREFIX = "demo_"


@dataclass(frozen=True)
class DemonstrationFacts:
    """Metadata of a demonstration, stored in its ``demonstration.yaml``.

    Attributes:
        made_by: Kind of the actor, one of ``MAKERS``.
        task: Name of the task.
        robot: Name of the robot, with ``sim`` or its connection.
        seed: Seed of the simulated cell; -1 on hardware.
        version: Version of this package.
        created: Local time, ISO 8601.
        duration_s: Time from the first action to the verdict, s.
        peak_force_n: Largest force at the sensor, N.
    """

    made_by: str
    task: str
    robot: str
    seed: int
    version: str
    created: str
    duration_s: float
    peak_force_n: float

    def __post_init__(self) -> None:
        """Check the types and ``made_by``.

        Raises:
            ConfigurationError: A field is invalid; the message names it.
        """
        for name, kind in self.__annotations__.items():
            value = getattr(self, name)
            if type(value).__name__ != kind:
                raise ConfigurationError(f"{name}: expected a {kind}, got {shortened(value)}")
        if self.made_by not in MAKERS:
            raise ConfigurationError(
                f"made_by: expected one of {', '.join(MAKERS)}, got {self.made_by!r}"
            )


def read_facts(bag: Path) -> DemonstrationFacts | None:
    """Return the metadata of a demonstration; None for any other bag.

    Raises:
        ConfigurationError: The file is damaged; the message names the file and the field.
    """
    path = bag / FACTS_FILE
    if not path.is_file():
        return None
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: expected a mapping, got {shortened(document)}")
    names = {field.name for field in fields(DemonstrationFacts)}
    if document.keys() != names:
        missing = ", ".join(sorted(names - document.keys())) or "none"
        unknown = ", ".join(sorted(map(str, document.keys() - names))) or "none"
        raise ConfigurationError(
            f"{path}: expected the keys of a demonstration, got missing: {missing}; "
            f"unknown: {unknown}"
        )
    try:
        return DemonstrationFacts(**document)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


class DemonstrationFolder:
    """Folder that demonstrations are moved into; a demonstration appears only when complete.

    Args:
        folder: Folder, created if missing; existing demonstrations count.

    Raises:
        ConfigurationError: The folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"out: {folder} cannot be made ({error})") from error
        check_folder(folder, "out")

    def paths(self) -> list[Path]:
        """Return the folders of all demonstrations, in order of their numbers."""
        return sorted(
            path for path in self._folder.glob(f"{_PREFIX}*") if (path / FACTS_FILE).is_file()
        )

    def keep(self, bag: Path, facts: DemonstrationFacts) -> Path:
        """Move a complete bag into the folder and return its new path.

        The metadata is written first, so a killed process leaves either the bag in its old place or
        a complete demonstration.

        Raises:
            BagError: The disk is full or failing; the bag stays in its old place.
        """
        target = self._folder / f"{_PREFIX}{self._next_number():03d}"
        try:
            write_whole(bag / FACTS_FILE, yaml.safe_dump(asdict(facts), sort_keys=False))
            _move(bag, target)
        except OSError as error:
            raise BagError(f"{bag} cannot be moved to {target} ({error})") from error
        return target

    def _next_number(self) -> int:
        numbers = [path.name.removeprefix(_PREFIX) for path in self._folder.glob(f"{_PREFIX}*")]
        return 1 + max((int(text) for text in numbers if text.isdecimal()), default=0)


def _move(source: Path, target: Path) -> None:
    """Move a folder; across disks, copy it beside the target and rename the complete copy."""
    try:
        os.rename(source, target)
    except OSError:
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
        os.rename(part, target)
        shutil.rmtree(source)


def now_text() -> str:
    """Return the local time in ISO 8601 for ``DemonstrationFacts.created``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
