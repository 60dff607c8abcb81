"""A folder of demonstrations: bags of attempts that succeeded, each with who made it and where."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from der_ros.documents import read_yaml
from der_ros.errors import BagError, ConfigurationError

FACTS_FILE = "demonstration.yaml"
MAKERS = ("human", "scripted", "policy")
_PREFIX = "demo_"


@dataclass(frozen=True)
class DemonstrationFacts:
    """Facts about a demonstration, in its ``demonstration.yaml``.

    Attributes:
        made_by: one of ``MAKERS``; who acted.
        task: name of the task.
        robot: name of the robot and ``sim`` or how it is reached.
        seed: of the simulated cell; -1 on hardware.
        version: version of this package.
        created: local time, ISO 8601.
        duration_s: from the first action to the verdict.
        peak_force_n: largest force at the sensor.
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
        """Check the values.

        Raises:
            ConfigurationError: names the field.
        """
        for name, kind in self.__annotations__.items():
            value = getattr(self, name)
            if type(value).__name__ != kind:
                raise ConfigurationError(f"{name}: expected a {kind}, got {value!r}")
        if self.made_by not in MAKERS:
            raise ConfigurationError(
                f"made_by: expected one of {', '.join(MAKERS)}, got {self.made_by!r}"
            )


def read_facts(bag: Path) -> DemonstrationFacts | None:
    """Return the facts of a demonstration; None for a bag that was recorded as something else.

    Raises:
        ConfigurationError: the file is damaged; names it and the field.
    """
    path = bag / FACTS_FILE
    if not path.is_file():
        return None
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: expected a mapping, got {document!r}")
    try:
        return DemonstrationFacts(**document)
    except (TypeError, ConfigurationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


class DemonstrationFolder:
    """A folder that demonstrations are moved into; each is complete once it is there.

    Args:
        folder: made if missing; demonstrations that are there already count.

    Raises:
        ConfigurationError: it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"out: {folder} cannot be made ({error})") from error

    def paths(self) -> list[Path]:
        """Return the demonstrations in order of their numbers."""
        return sorted(
            path for path in self._folder.glob(f"{_PREFIX}*") if (path / FACTS_FILE).is_file()
        )

    def keep(self, bag: Path, facts: DemonstrationFacts) -> Path:
        """Move a complete bag into the folder, and return where it is now.

        The facts are written first: a process that is killed leaves either the bag where it was or
        a whole demonstration.

        Raises:
            BagError: the disk does not take it; the bag stays where it was.
        """
        target = self._folder / f"{_PREFIX}{self._next_number():03d}"
        try:
            (bag / FACTS_FILE).write_text(yaml.safe_dump(asdict(facts), sort_keys=False))
            _move(bag, target)
        except OSError as error:
            raise BagError(f"{bag} cannot be moved to {target} ({error})") from error
        return target

    def _next_number(self) -> int:
        numbers = [path.name.removeprefix(_PREFIX) for path in self._folder.glob(f"{_PREFIX}*")]
        return 1 + max((int(text) for text in numbers if text.isdecimal()), default=0)


def _move(source: Path, target: Path) -> None:
    """Move a folder; on another disk it is copied beside its target and renamed when complete."""
    try:
        os.rename(source, target)
    except OSError:
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
        os.rename(part, target)
        shutil.rmtree(source)


def now_text() -> str:
    """Return the local time for ``DemonstrationFacts.created``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
