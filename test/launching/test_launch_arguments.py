"""Every argument of every launch file is validated before any process starts."""

import runpy
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from der_ros.launching.arguments import Argument, checked, repeated, unknown
from der_ros.launching.deployment_arguments import contradictions, robot_address
from der_ros.settings import setting

LAUNCH = Path(__file__).parents[2] / "launch"
FILES = sorted(LAUNCH.glob("*.launch.py"))
HERE = str(Path(__file__))
each_file = pytest.mark.parametrize("file", FILES, ids=[path.stem for path in FILES])


def port(name, default, optional=False):
    return Argument(name, default, "", int, minimum=1, maximum=65535, optional=optional)


WHOLE = Argument("n", "0", "", int, minimum=0, maximum=9)
CASES = [
    (WHOLE, "7", 7, ["three", "1.0", "", " 7", "1_0", "-1", "10", "0x1", "٣"]),
    (
        Argument("f", "0", "", float, minimum=0),
        "1e-3",
        0.001,
        ["x", "nan", "inf", "-1", "", "1_0", " 5", "٣", "1e308"],
    ),
    (Argument("m", "0", "", float, maximum=2.5), "2.5", 2.5, ["2.6", "1e3"]),
    (Argument("b", "true", "", bool), "false", False, ["1", "True", "yes", ""]),
    (
        Argument("a", "", "", IPv4Address),
        "127.0.0.2",
        "127.0.0.2",
        ["localhost", "1.2.3", "::1", "0.0.0.0", "224.0.0.1"],
    ),
    (Argument("p", "", "", Path), HERE, HERE, ["nowhere.onnx", "/", ""]),
    (Argument("c", "x", "", choices=("x", "y")), "y", "y", ["z", "X", ""]),
    (Argument("s", "", "", pattern="[a-z]+"), "abc", "abc", ["a b", "A", ""]),
    (Argument("t", "", ""), "any\ntext", "any\ntext", []),
    (port("o", "", optional=True), "", "", ["0", "65536", "http"]),
]


@pytest.mark.parametrize(("argument", "text", "value", "wrong"), CASES)
def test_a_value_is_taken_or_refused_by_name(argument, text, value, wrong):
    assert argument.value(text) == value
    assert type(argument.value(text)) is type(value)
    for other in wrong:
        with pytest.raises(ValueError, match=f"^{argument.name}: expected .*got '{other}'$"):
            argument.value(other)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "a number"),
        ({"minimum": 1.0}, "a number of at least 1"),
        ({"maximum": 2.5}, "a number of at most 2.5"),
        ({"minimum": 1.0, "maximum": 2.5}, "a number from 1 to 2.5"),
    ],
)
def test_a_complaint_names_the_bounds(bounds, words):
    assert f"expected {words}, got 'x'" in Argument("m", "0", "", float, **bounds).complaint("x")


@pytest.mark.parametrize("kind", [int, Path])
def test_a_long_text_is_refused_by_name_and_shortened(kind):
    complaint = Argument("n", "0", "", kind).complaint("9" * 5000)
    assert complaint.startswith("n: expected")
    assert len(complaint) < 300


@pytest.mark.parametrize("text", ["\x1b[2J", "two\nlines", "\udcff"])
def test_a_refusal_is_one_line_without_control(text):
    complaint = Argument("s", "", "", pattern="[a-z]+").complaint(text)
    assert complaint.isprintable()
    assert Argument("t", "", "").complaint("\udcff").startswith("t: expected a text")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("namespace", ["né", "x" * 300, "a//b"]),
        ("ft_topic", ["a b", "$(whoami)", "wrench/", "1st"]),
        ("run_dir", ["~/runs", "~"]),
        ("compliance", ["1e999", "0", "soft"]),
    ],
)
def test_a_wrong_name_is_refused_before_the_start(name, wrong):
    (file,) = (path for path in FILES if path.stem == "deploy_kr60.launch")
    _, complaints = zip(*(checked(arguments_of(file), {name: text}) for text in wrong), strict=True)
    assert all(len(found) == 1 and found[0].startswith(name) for found in complaints)


def test_all_mistakes_are_reported_at_once():
    table = [WHOLE, port("rsi_port", "1")]
    values, wrong = checked(table, {"n": "three", "rsi_port": "0", "other": "x"})
    assert values == {}
    assert wrong == [
        "n: expected a whole number from 0 to 9, got 'three'",
        "rsi_port: expected a whole number from 1 to 65535, got '0'",
    ]


def test_an_unknown_name_is_reported_with_the_nearest():
    table = [Argument("robot", "sim", ""), Argument("seed", "0", "")]
    assert unknown(table, ["robot", "sigterm_timeout", "launch-prefix"]) == []
    near, far = unknown(table, ["robt", "max_linear_speed_mps"])
    assert near == "robt: there is no such argument; did you mean robot?"
    assert far == ("max_linear_speed_mps: there is no such argument; expected one of robot, seed")


def test_a_repeated_argument_is_reported_by_name():
    table = [Argument("attempts", "1", ""), Argument("seed", "0", "")]
    words = ["attempts:=1", "seed:=2", "attempts:=1", "launch-prefix:=a", "launch-prefix:=b"]
    told = ["attempts: expected one value, got 2; leave out all but one"]
    assert repeated(table, words, ["attempts", "seed"]) == told
    assert repeated(table, [], ["attempts", "seed", "attempts"]) == told
    assert repeated(table, ["seed:=attempts:=1", "attempts:=1"], ["seed"]) == []


def arguments_of(file):
    return runpy.run_path(str(file))["ARGUMENTS"]


@each_file
def test_every_default_is_right(file):
    arguments = arguments_of(file)
    values, wrong = checked(arguments, {})
    assert wrong == []
    assert list(values) == [argument.name for argument in arguments]
    assert all(argument.description for argument in arguments)


@each_file
def test_every_number_has_a_least_value(file):
    for argument in arguments_of(file):
        numeric = argument.kind in (int, float)
        assert argument.minimum is not None or argument.choices or not numeric, argument.name


@dataclass(frozen=True)
class Group:
    rate_hz: float = setting(0.5, "Rate", "Hz", 0.0, 2.0)
    on: bool = setting(True, "A switch")
    way: str = setting("in", "Direction", choices=("in", "out"))


def test_an_argument_takes_what_its_setting_declares():
    rate, on, way = (Argument.of(Group, name) for name in ("rate_hz", "on", "way"))
    assert rate == Argument("rate_hz", "0.5", "Rate [Hz]", float, minimum=0.0, maximum=2.0)
    assert on == Argument("on", "true", "A switch", bool, ("true", "false"))
    assert way == Argument("way", "in", "Direction", choices=("in", "out"))
    assert Argument.of(Group, "way", name="to", default="out").value("out") == "out"


def values_of(**changes):
    (file,) = (path for path in FILES if path.stem == "deploy_kr60.launch")
    values, wrong = checked(arguments_of(file), changes)
    assert wrong == []
    return values


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"robot": "rsi", "robot_ip": "10.0.0.2"}, "needs a real sensor"),
        ({"robot": "rsi", "ft": "netft"}, "robot_ip: expected the controller's IPv4 address"),
        ({"robot_ip": "10.0.0.2"}, "robot_ip: expected an address of this host, 127"),
        ({"sensor_ip": "10.0.0.2"}, "sensor_ip: expected an address of this host, 127"),
    ],
)
def test_values_that_contradict_are_refused(changes, complaint):
    (found,) = contradictions(values_of(**changes))
    assert complaint in found


def test_a_cell_that_is_simulated_can_be_put_elsewhere():
    there = {"robot_ip": "127.0.0.5", "sensor_ip": "127.0.0.6"}
    assert contradictions(values_of(**there)) == contradictions(values_of()) == []
    assert robot_address(values_of(**there)) == "127.0.0.5"
    assert robot_address(values_of()) == "127.0.0.2"
