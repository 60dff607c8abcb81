"""Import paths of stand-in and wrapper, and a workspace with an installed package."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

STANDALONE = Path(__file__).resolve().parents[1]
# Appended, so that the `launch` of a sourced ROS 2 comes first in tests of nodes.
sys.path += [str(STANDALONE / "src"), str(STANDALONE)]

Ros2 = Callable[..., subprocess.CompletedProcess[str]]


class Workspace:
    """Installed package `demo`, and the `ros2` command that finds it."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.share = prefix / "share" / "demo"
        self.lib = prefix / "lib" / "demo"
        index = prefix / "share/ament_index/resource_index/packages"
        for folder in (self.share / "launch", self.lib, index):
            folder.mkdir(parents=True)
        (index / "demo").touch()
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PYTHONPATH", "OVERRIDE_LAUNCH_PROCESS_OUTPUT"}
        }
        self.variables["AMENT_PREFIX_PATH"] = str(prefix)
        self.variables["PYTHONPATH"] = str(STANDALONE / "src")
        self.command = [sys.executable, "-m", "der_ros_standalone.cli"]

    def add_executable(self, name: str, code: str) -> None:
        """Install an executable with Python code."""
        path = self.lib / name
        path.write_text(f"#!{sys.executable}\n{code}\n")
        path.chmod(0o755)

    def add_launch_file(self, name: str, body: str) -> None:
        """Install a launch file whose description is the list ``body``."""
        (self.share / "launch" / name).write_text(
            HEADER + f"    return LaunchDescription({body})\n"
        )

    def ros2(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``ros2 WORDS`` to its end."""
        return subprocess.run(
            [*self.command, *words],
            env=self.variables,
            cwd=self.prefix,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def start(self, words: Sequence[str]) -> "subprocess.Popen[str]":
        """Start ``ros2 WORDS``, and return the process."""
        return subprocess.Popen(
            [*self.command, *words],
            env=self.variables,
            cwd=self.prefix,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )


HEADER = """\
import sys
import launch.events, launch_ros.actions
from launch import LaunchDescription
from launch.actions import *
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import *
from launch_ros.actions import LifecycleNode, Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)
