"""The KR 60 deployment as part of a user's own launch file."""

import subprocess

import pytest
from deployment import ended_by_ctrl_c, judged, pids, wait_for
from deployment import launched as launched_file
from kr60_launch import ports

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]


USERS = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    share = FindPackageShare("der_ros")
    path = PathJoinSubstitution([share, "launch", "deploy_kr60.launch.py"])
    return LaunchDescription([
        DeclareLaunchArgument("seeds", default_value="4"),
        DeclareLaunchArgument("line", default_value="line_1"),
        GroupAction([
            PushRosNamespace(LaunchConfiguration("line")),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(path),
                launch_arguments={"seed": LaunchConfiguration("seeds"), GIVEN}.items(),
            ),
        ]),
    ])
"""


def users_launch_file(tmp_path, given):
    path = tmp_path / "users.launch.py"
    path.write_text(USERS.replace("GIVEN", given))
    return path


def run_users_launch_file(tmp_path, given, *arguments):
    return subprocess.run(
        ["ros2", "launch", str(users_launch_file(tmp_path, given)), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.in_turn
def test_a_users_launch_file_may_add_arguments(run_dir, output, tmp_path):
    given = f"'attempts': '4', 'record': 'false', 'run_dir': '{run_dir}', 'namespace': 'cell'"
    path, own = users_launch_file(tmp_path, given), ["seeds:=5", "line:=line_2"]
    with launched_file(path, output, *own, *ports()) as process:
        result = wait_for(lambda: judged(run_dir), 150, "a verdict")[0]
        assert ended_by_ctrl_c(process) == 0
    assert result["outcome"] in ("success", "stall", "jammed", "missed", "timeout")
    assert "soft_force_n" not in output.read_text()


OWN_ARGUMENTS = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    path = PathJoinSubstitution([FindPackageShare("der_ros"), "launch", "deploy_kr60.launch.py"])
    return LaunchDescription([
        DeclareLaunchArgument("attempts", default_value="many"),
        DeclareLaunchArgument("namespace", default_value="no namespace!"),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(path), launch_arguments={"seed": "first"}.items()
        ),
    ])
"""


def test_an_including_files_own_arguments_are_not_ours(tmp_path):
    path = tmp_path / "own.launch.py"
    path.write_text(OWN_ARGUMENTS)
    command = ["ros2", "launch", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    told = done.stdout + done.stderr
    assert "nothing was started: seed: expected a whole number of at least 0, got 'first'" in told
    assert "many" not in told
    assert "no namespace!" not in told


def test_an_includes_mistyped_argument_is_refused(tmp_path):
    done = run_users_launch_file(tmp_path, "'robt': 'rsi'", "seeds:=5")
    assert done.returncode == 1
    assert "robt: there is no such argument; did you mean robot?" in done.stdout
    assert pids(done.stdout) == []
