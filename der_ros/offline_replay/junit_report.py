"""JUnit XML report of replays, for CI servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from der_ros.bags.bag_replay import ReplayVerdict
from der_ros.errors import ConfigurationError
from der_ros.whole_files import write_whole


class JUnitCase(NamedTuple):
    """Replay result of one bag.

    Attributes:
        name: Name of the bag.
        verdict: Verdict of the replay.
        reason: Reason why the verdict is not ``SAME``; empty if it is.
        wall_s: Wall time of the replay, s.
    """

    name: str
    verdict: ReplayVerdict
    reason: str
    wall_s: float


def write_junit(path: Path, cases: Sequence[JUnitCase]) -> None:
    """Write a test suite with one test case per bag.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    failures = sum(case.verdict is ReplayVerdict.DIFFERENT for case in cases)
    errors = sum(case.verdict is ReplayVerdict.UNUSABLE for case in cases)
    suite = ElementTree.Element(
        "testsuite",
        name="replay_bag",
        tests=str(len(cases)),
        failures=str(failures),
        errors=str(errors),
        time=f"{sum(case.wall_s for case in cases):.3f}",
    )
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname="replay_bag", name=case.name, time=f"{case.wall_s:.3f}"
        )
        if case.verdict is not ReplayVerdict.SAME:
            kind = "failure" if case.verdict is ReplayVerdict.DIFFERENT else "error"
            ElementTree.SubElement(element, kind, message=case.reason).text = case.reason
    try:
        write_whole(path, ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise ConfigurationError(f"--junit: cannot write {path} ({error.strerror})") from error
