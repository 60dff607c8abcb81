"""Which packages a job needs: the one table of it."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import PurePath
from typing import NamedTuple

# Each level holds the ones before it, as its list in requirements/ does.
LEVELS = ("robot", "sim", "train", "dev")
LEVEL_NAMES = {
    "robot": "the robot side's packages",
    "sim": "the simulation's packages",
    "train": "the training's packages",
    "dev": "the packages for training and tests",
}


class Rule(NamedTuple):
    """What a job needs.

    Attributes:
        verb: the wrapper's command.
        target: pattern of the launch file or executable; empty if there is none.
        word: one more word that must be on the command line; empty if any line will do.
        level: what is needed then.
    """

    verb: str
    target: str
    word: str
    level: str


# The first that fits counts; what fits none needs the lowest level, and uses what is there.
RULES = (
    Rule("setup", "", "--robot-only", "robot"),
    Rule("setup", "", "", "dev"),
    Rule("test", "", "", "dev"),
    Rule("launch", "*", "--show-args", "robot"),
    Rule("launch", "*", "-s", "robot"),
    Rule("launch", "train_*.launch.py", "", "train"),
    Rule("launch", "deploy_*.launch.py", "robot:=rsi", "robot"),
    Rule("launch", "deploy_*.launch.py", "robot:=ros2_control", "robot"),
    Rule("launch", "deploy_*.launch.py", "", "sim"),
    Rule("launch", "record_demos.launch.py", "", "sim"),
    Rule("run", "sim_trainer", "", "train"),
    Rule("run", "sim_cell", "", "sim"),
    Rule("run", "train", "", "train"),
    Rule("run", "evaluate", "", "train"),
    Rule("run", "export_policy", "", "train"),
)


def needed_level(verb: str, words: Sequence[str]) -> str:
    """Return the level that ``ros2w VERB WORDS`` needs."""
    names = [PurePath(word).name for word in words if not word.startswith("-")][:2]
    for rule in RULES:
        fits = not rule.target or any(fnmatch(name, rule.target) for name in names)
        if rule.verb == verb and fits and (not rule.word or rule.word in words):
            return rule.level
    return LEVELS[0]


def highest(*levels: str | None) -> str:
    """Return the highest of some levels; None is below all."""
    return max((level for level in levels if level), key=LEVELS.index)
