"""Project-specific settings of the wrapper: the package, its requirement levels and its rules.

This is the only module to change when another ROS package uses `ros2w`.
"""

from typing import NamedTuple

PACKAGE = "der_ros"
# Files and folders of the repository that go into the build; a change in them causes a new build.
SOURCES = (
    "der_ros",
    "launch",
    "config",
    "models",
    "demonstrations",
    "resource",
    "package.xml",
    "setup.py",
    "setup.cfg",
)
EXAMPLE = "./ros2w launch der_ros deploy_kr60.launch.py attempts:=3"

# Requirement levels, lowest first. Each includes the ones before it, as its list in requirements/.
LEVELS = ("robot", "sim", "train", "docs", "dev")
LEVEL_NAMES = {
    "robot": "the packages of the robot side",
    "sim": "the packages of the simulation",
    "train": "the packages for training",
    "docs": "the packages for the documentation site",
    "dev": "the packages for training and tests",
}


class Rule(NamedTuple):
    """Requirement level of the commands that match.

    Attributes:
        verb: Command of the wrapper.
        target: Pattern of the launch file or executable; empty if there is none.
        word: A further word that must be on the command line; empty if none is needed.
        level: Requirement level of a matching command.
    """

    verb: str
    target: str
    word: str
    level: str


# The first matching rule applies. A command that matches none needs only the lowest level.
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
    Rule("launch", "record_*.launch.py", "robot:=rsi", "robot"),
    Rule("launch", "record_*.launch.py", "", "sim"),
    Rule("exec", "build_site.py", "", "docs"),
    Rule("run", "sim_trainer", "", "train"),
    Rule("run", "sim_cell", "", "sim"),
    Rule("run", "train", "", "train"),
    Rule("run", "evaluate", "", "train"),
    Rule("run", "export_policy", "", "train"),
    Rule("run", "plot_runs", "", "train"),
)
