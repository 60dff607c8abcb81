"""pytest plugin: ``pytest --replay-bags DIR`` replays each bag below a folder as a test.

The expectations of a bag are in a YAML file beside it; see ``expectations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class UnmetError(Exception):
    """Unmet expectations of a bag, one per line of the message."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--replay-bags`` to pytest."""
    parser.getgroup("der_ros").addoption(
        "--replay-bags",
        metavar="DIR",
        help="replay each rosbag2 folder below DIR as a test; expectations stand in NAME.yaml "
        "beside the bag NAME",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the folder of ``--replay-bags`` to the collected paths.

    Raises:
        pytest.UsageError: The folder does not exist.
    """
    folder = config.getoption("--replay-bags")
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise pytest.UsageError(f"--replay-bags: expected a folder, got {folder}")
    config.args.append(str(folder))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect each ``metadata.yaml`` below the folder as a bag."""
    folder = parent.config.getoption("--replay-bags")
    if folder is None or file_path.name != "metadata.yaml":
        return None
    if Path(folder).resolve() not in file_path.resolve().parents:
        return None
    collected: pytest.Collector = BagFile.from_parent(parent, path=file_path)
    return collected


class BagFile(pytest.File):
    """Bag to replay, by its ``metadata.yaml``."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the test of the bag, or one for each combination of a sweep.

        Raises:
            ConfigurationError: The expectation file is invalid.
        """
        from der_ros.offline_replay.expectations import read_sweep

        bag = self.path.parent
        for label in read_sweep(bag):
            name = f"{bag.name}[{label}]" if label else bag.name
            yield BagItem.from_parent(self, name=name, label=label)


class BagItem(pytest.Item):
    """Test that replays one bag.

    Args:
        label: Label of the combination of a sweep; empty without one.
        arguments: Arguments of ``pytest.Item``.
    """

    def __init__(self, *, label: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._label = label

    def runtest(self) -> None:
        """Replay the bag.

        Raises:
            UnmetError: The bag does not meet its expectations.
            DerRosError: The bag, its policy or its expectation file cannot be used.
        """
        from der_ros.offline_replay.expectations import read_sweep, unmet

        bag = self.path.parent
        found = unmet(bag, read_sweep(bag)[self._label])
        if found:
            raise UnmetError("\n".join(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the bag and the reason, without a traceback."""
        return f"{self.path.parent}: {excinfo.value}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the bag's folder and name for pytest's report."""
        return self.path.parent, None, self.name
