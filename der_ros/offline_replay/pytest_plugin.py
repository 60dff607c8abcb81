"""pytest plugin: ``pytest --replay-bags DIR`` replays each bag below a folder as a test.

What is expected of a bag stands in a YAML file beside it; see ``expectations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class UnmetError(Exception):
    """The bag does not meet its expectations; the message has one on each line."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add this plugin's option to pytest."""
    parser.getgroup("der_ros").addoption(
        "--replay-bags",
        metavar="DIR",
        help="replay each rosbag2 folder below DIR as a test; expectations stand in NAME.yaml "
        "beside the bag NAME",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have the folder collected beside what is collected otherwise.

    Raises:
        pytest.UsageError: there is no such folder.
    """
    folder = config.getoption("--replay-bags")
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise pytest.UsageError(f"--replay-bags: expected a folder, got {folder}")
    config.args.append(str(folder))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the description of a bag below the folder."""
    folder = parent.config.getoption("--replay-bags")
    if folder is None or file_path.name != "metadata.yaml":
        return None
    if Path(folder).resolve() not in file_path.resolve().parents:
        return None
    collected: pytest.Collector = BagFile.from_parent(parent, path=file_path)
    return collected


class BagFile(pytest.File):
    """One bag."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its one test."""
        yield BagItem.from_parent(self, name=self.path.parent.name)


class BagItem(pytest.Item):
    """Replay of one bag."""

    def runtest(self) -> None:
        """Replay the bag.

        Raises:
            UnmetError: it does not meet its expectations.
            DerRosError: bag, policy or expectations are not usable.
        """
        from der_ros.offline_replay.expectations import read_expectation, unmet

        bag = self.path.parent
        found = unmet(bag, read_expectation(bag))
        if found:
            raise UnmetError("\n".join(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the reason; the traceback says nothing more."""
        return f"{self.path.parent}: {excinfo.value}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test stands and its name."""
        return self.path.parent, None, self.name
