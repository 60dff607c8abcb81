"""Command lines of nodes, and the values of substitutions, conditions and parameters."""

import warnings

import pytest
import yaml

from der_ros_standalone.boolean_substitutions import (
    AndSubstitution,
    EqualsSubstitution,
    IfElseSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from der_ros_standalone.conditions import IfCondition, LaunchConfigurationEquals, UnlessCondition
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import LaunchError
from der_ros_standalone.node import LifecycleNode, Node, PushRosNamespace
from der_ros_standalone.parameters import (
    Parameter,
    ParameterValue,
    coerce,
    evaluate_dictionary,
)
from der_ros_standalone.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
    PathJoinSubstitution,
    PythonExpression,
    TextSubstitution,
)


@pytest.fixture
def context():
    made = LaunchContext()
    made.launch_configurations.update(task="lap", n="3", yes="true", empty="", words="[1, 2]")
    made.environment["HOME_"] = "/h"
    return made


@pytest.mark.parametrize(
    ("substitution", "expected"),
    [
        (TextSubstitution(text="a"), "a"),
        (LaunchConfiguration("task"), "lap"),
        (LaunchConfiguration("nope", default=5), "5"),
        (EnvironmentVariable("HOME_"), "/h"),
        (EnvironmentVariable("NOPE", default_value=["x", "y"]), "xy"),
        (PathJoinSubstitution(["/a", LaunchConfiguration("task"), "b.yaml"]), "/a/lap/b.yaml"),
        (PythonExpression(["2 * ", LaunchConfiguration("n"), " + floor(1.5)"]), "7"),
        (EqualsSubstitution(LaunchConfiguration("task"), "lap"), "true"),
        (EqualsSubstitution(LaunchConfiguration("yes"), True), "true"),
        (EqualsSubstitution("1", "True"), "true"),
        (EqualsSubstitution("3.0", LaunchConfiguration("n")), "true"),
        (EqualsSubstitution("a", None), "false"),
        (NotEqualsSubstitution(LaunchConfiguration("task"), "peg"), "true"),
        (NotSubstitution(LaunchConfiguration("yes")), "false"),
        (AndSubstitution("true", LaunchConfiguration("yes")), "true"),
        (OrSubstitution("false", "0"), "false"),
        (IfElseSubstitution(LaunchConfiguration("yes"), "a", ["b"]), "a"),
        (IfElseSubstitution("false", if_value="a"), ""),
    ],
)
def test_substitutions(context, substitution, expected):
    assert substitution.perform(context) == expected


@pytest.mark.parametrize(
    "substitution",
    [LaunchConfiguration("nope"), EnvironmentVariable("NOPE"), NotSubstitution("perhaps")],
)
def test_a_substitution_without_a_value_says_so(context, substitution):
    with pytest.raises(LaunchError):
        substitution.perform(context)


@pytest.mark.parametrize("text", ["[" * 5000, "2001-99-99", "a: [", "9" * 5000])
def test_a_parameter_that_is_no_yaml_is_refused(context, text):
    context.launch_configurations["deep"] = text
    deep = LaunchConfiguration("deep")
    for value in (deep, [[deep], [deep]]):
        with pytest.raises(LaunchError):
            evaluate_dictionary(context, {"speed": value})
    with pytest.raises(LaunchError):
        coerce(text, None)


def test_conditions(context):
    assert IfCondition(LaunchConfiguration("yes")).evaluate(context)
    assert UnlessCondition("0").evaluate(context)
    with pytest.raises(LaunchError, match="got 'lap'"):
        IfCondition(LaunchConfiguration("task")).evaluate(context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert LaunchConfigurationEquals("task", "lap").evaluate(context)
        assert LaunchConfigurationEquals("nope", None).evaluate(context)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        ("1", "1"),
        (True, True),
        (LaunchConfiguration("n"), 3),
        (LaunchConfiguration("yes"), True),
        (LaunchConfiguration("empty"), ""),
        (LaunchConfiguration("words"), [1, 2]),
        ([LaunchConfiguration("task"), "_joint"], "lap_joint"),
        ([1, 2.5], [1.0, 2.5]),
        (["a", "b"], ["a", "b"]),
        ([[LaunchConfiguration("task")], "b"], ["lap", "b"]),
        (ParameterValue(LaunchConfiguration("n"), value_type=str), "3"),
        (ParameterValue(LaunchConfiguration("n"), value_type=float), 3.0),
        (ParameterValue(LaunchConfiguration("yes"), value_type=bool), True),
        (ParameterValue(LaunchConfiguration("words"), value_type=list[int]), [1, 2]),
        (ParameterValue(4), 4),
    ],
)
def test_parameter_values_follow_yaml_by_default(context, value, expected):
    (result,) = evaluate_dictionary(context, {"p": value}).values()
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1, "a"],
        {"deep": [None]},
        ParameterValue(LaunchConfiguration("task"), value_type=int),
        ParameterValue(LaunchConfiguration("n"), value_type=list[int]),
        ParameterValue("a", value_type=int),
    ],
)
def test_a_wrong_parameter_value_is_refused(context, value):
    with pytest.raises((LaunchError, TypeError)):
        evaluate_dictionary(context, {"p": value})


def test_nested_parameters_are_joined_by_dots(context):
    assert evaluate_dictionary(context, {"a": {"b": {"c": 1}}}) == {"a.b.c": 1}


def test_the_command_of_a_node(context, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("{}")
    node = Node(
        executable="/bin/node",
        name="n",
        namespace="cell",
        parameters=[str(file), {"speed": 0.5}, Parameter("k", "v")],
        remappings=[("a", ["b/", LaunchConfiguration("task")])],
        arguments=["--flag", LaunchConfiguration("n")],
        ros_arguments=["--log-level", "debug"],
    )
    PushRosNamespace("line").execute(context)
    words = node.command(context)
    written = words[words.index(str(file)) + 2]
    with open(written) as content:
        assert yaml.safe_load(content) == {"/line/cell/n": {"ros__parameters": {"speed": 0.5}}}
    node.forget()
    words[words.index(written)] = "WRITTEN"
    assert words == [
        *("/bin/node", "--flag", "3", "--ros-args", "--log-level", "debug", "--ros-args"),
        *("-r", "__node:=n", "-r", "__ns:=/line/cell"),
        *("--params-file", str(file), "--params-file", "WRITTEN", "-p", "k:=v"),
        *("-r", "a:=b/lap"),
    ]


@pytest.mark.parametrize("text", ["1e5", "2.5e5", "1", "lap"])
def test_a_text_that_looks_like_a_number_stays_a_text(context, text):
    node = Node(executable="/bin/node", parameters=[{"k": text}, Parameter("k", text)])
    words = node.command(context)
    with open(words[words.index("--params-file") + 1]) as content:
        (line,) = [line for line in content if "k:" in line]
    node.forget()
    written = "lap" if text == "lap" else f"'{text}'"
    assert line.strip() == f"k: {written}"
    assert words[words.index("-p") + 1] == f"k:={written}"


def test_a_node_that_is_not_started_leaves_no_file(context, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    wrong = Node(executable="/bin/node", parameters=[{"a": 1}, {"b": None}])
    with pytest.raises(LaunchError, match="parameter 'b'"):
        wrong.execute(context)
    context.is_shutdown = True
    Node(executable="/bin/node", parameters=[{"a": 1}]).execute(context)
    assert list(tmp_path.iterdir()) == []


def test_an_absolute_namespace_stands_for_itself(context):
    PushRosNamespace("line").execute(context)
    words = LifecycleNode(executable="/bin/x", name="n", namespace="/own").command(context)
    assert "__ns:=/own" in words
