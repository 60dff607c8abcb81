"""Requirement level of a command, found by the rules in `ros2w.project`."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import PurePath

from ros2w.project import LEVELS, RULES


def needed_level(verb: str, words: Sequence[str]) -> str:
    """Return the requirement level of ``ros2w VERB WORDS``."""
    names = [PurePath(word).name for word in words if not word.startswith("-")][:2]
    for rule in RULES:
        fits = not rule.target or any(fnmatch(name, rule.target) for name in names)
        if rule.verb == verb and fits and (not rule.word or rule.word in words):
            return rule.level
    return LEVELS[0]


def highest(*levels: str | None) -> str:
    """Return the highest of some levels; None is below all of them."""
    return max((level for level in levels if level), key=LEVELS.index)
