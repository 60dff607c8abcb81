"""`ros2 launch` finds files, shows their arguments, and refuses invalid ones."""

import pytest

BODY = """[
    DeclareLaunchArgument("task", default_value="lap_joint", choices=["lap_joint", "peg"],
                          description="what to do"),
    DeclareLaunchArgument("where", default_value=[LaunchConfiguration("task"), "/here"]),
    DeclareLaunchArgument("extra", default_value="1", condition=IfCondition("false")),
    LogInfo(msg=["at ", LaunchConfiguration("where")]),
]"""


@pytest.fixture
def arguments(workspace):
    workspace.add_launch_file("a.launch.py", BODY)
    return workspace


def test_show_args_prints_what_ros2_launch_prints(arguments):
    result = arguments.ros2("launch", "demo", "a.launch.py", "--show-args")
    assert result.returncode == 0
    assert result.stdout == (
        "Arguments (pass arguments as '<name>:=<value>'):\n"
        "\n"
        "    'task':\n"
        "        what to do. Valid choices are: ['lap_joint', 'peg']\n"
        "        (default: 'lap_joint')\n"
        "\n"
        "    'where':\n"
        "        no description given\n"
        "        (default: LaunchConfig('task') + '/here')\n"
        "\n"
        "    'extra':*\n"
        "        no description given\n"
        "        (default: '1')\n"
        "\n"
        "* argument(s) which are only used if specific conditions occur\n"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [([], "lap_joint/here"), (["task:=peg"], "peg/here"), (["where:=a", "where:=b"], "b")],
)
def test_the_last_value_given_wins_over_the_default(arguments, given, expected):
    result = arguments.ros2("launch", "demo", "a.launch.py", *given)
    assert f"[INFO] [launch.user]: at {expected}\n" in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nope:=1", "unknown launch argument 'nope'"),
        ("taks:=peg", "unknown launch argument 'taks': did you mean task? "),
        ("task:=x", "Valid options are: ['lap_joint', 'peg']"),
        ("task=x", "malformed launch argument 'task=x'"),
        ("task:=", "malformed launch argument 'task:='"),
    ],
)
def test_a_wrong_argument_gives_no_traceback(arguments, given, sentence):
    result = arguments.ros2("launch", "demo", "a.launch.py", given)
    assert result.returncode == 1
    assert sentence in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_missing_required_argument_is_named(workspace):
    workspace.add_launch_file("r.launch.py", "[DeclareLaunchArgument('bag')]")
    result = workspace.ros2("launch", "demo", "r.launch.py")
    assert result.returncode == 1
    assert "missing required argument 'bag'" in result.stdout


def test_an_included_file_gets_its_arguments(arguments):
    arguments.add_launch_file(
        "outer.launch.py",
        """[IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([FindPackageShare("demo"), "launch", "a.launch.py"])),
            launch_arguments={"task": "peg"}.items())]""",
    )
    result = arguments.ros2("launch", "demo", "outer.launch.py")
    assert "at peg/here" in result.stdout
    shown = arguments.ros2("launch", "demo", "outer.launch.py", "-s")
    assert "'where':" in shown.stdout
    assert arguments.ros2("launch", "demo", "outer.launch.py", "nope:=1").returncode == 1


def test_a_file_can_be_given_by_its_path(arguments):
    path = arguments.share / "launch" / "a.launch.py"
    result = arguments.ros2("launch", str(path), "task:=peg")
    assert "at peg/here" in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("launch", "nope", "a.launch.py"), "Package 'nope' not found: AMENT_PREFIX_PATH has demo"),
        (("launch", "demo", "b.launch.py"), "it has a.launch.py"),
        (("run", "demo", "nope"), "No executable 'nope' in package 'demo': it has tool"),
        (("topic", "list"), "`ros2 topic` is not among launch, run, service: install ROS 2"),
    ],
)
def test_a_missing_name_is_reported_with_known_names(arguments, words, sentence):
    arguments.add_executable("tool", "")
    result = arguments.ros2(*words)
    assert result.returncode == 1
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (
            "[launch_ros.actions.ComposableNodeContainer()]",
            "launch_ros.actions.ComposableNodeContainer",
        ),
        ("[Node(package='demo', executable='x', prefix='gdb')]", "Node(prefix=)"),
        ("[ExecuteProcess(cmd=['x'], shell=True)]", "ExecuteProcess(shell=True)"),
    ],
)
def test_an_unsupported_name_is_refused(workspace, body, name):
    workspace.add_launch_file("u.launch.py", body)
    path = workspace.share / "launch" / "u.launch.py"
    path.write_text(
        path.read_text().replace("    return", "    import launch_ros.actions\n    return")
    )
    path.write_text(path.read_text().replace("[Composable", "[launch_ros.actions.Composable"))
    result = workspace.ros2("launch", "demo", "u.launch.py")
    assert result.returncode == 1
    assert f"{name} is not supported" in result.stderr
    assert "install ROS 2" in result.stderr


def test_run_becomes_the_executable(workspace):
    workspace.add_executable("tool", "import sys; print(sys.argv[1:]); sys.exit(7)")
    result = workspace.ros2("run", "demo", "tool", "--json", "a b")
    assert result.stdout == "['--json', 'a b']\n"
    assert result.returncode == 7


def test_it_does_not_shadow_an_installed_launch(workspace, tmp_path):
    real = tmp_path / "opt" / "launch"
    real.mkdir(parents=True)
    (real / "__init__.py").touch()
    workspace.variables["PYTHONPATH"] += f":{real.parent}"
    result = workspace.ros2("launch", "--help")
    assert result.returncode == 1
    assert "must not take its place" in result.stderr
