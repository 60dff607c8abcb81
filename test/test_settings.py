"""Settings: declared once in a dataclass, read back, and validated by type and range."""

from dataclasses import dataclass

import pytest

from der_ros.errors import ConfigurationError
from der_ros.settings import checked, converted, made_from, names_of, setting, settings_of


@dataclass(frozen=True, kw_only=True)
class Example:
    plain: int = 7
    speed: float = setting(0.5, "Speed limit", "m/s", 0.0, 2.0, name="max_speed_mps")
    count: int = setting(3, "Number of things", minimum=1)
    box: tuple[float, float] = setting((0.0, 1.0), "A box", "m", required=True)
    names: tuple[str, ...] = setting(("a", "b"), "Names")
    way: str = setting("in", "Direction", choices=("in", "out"), tunable=True)
    on: bool = setting(True, "A switch")
    none: tuple[str, ...] = setting((), "No names by default")


SETTINGS = {each.name: each for each in settings_of(Example)}


def test_only_settings_are_read_back():
    assert names_of(Example) == ("max_speed_mps", "count", "box", "names", "way", "on", "none")


def test_a_declaration_is_read_back_whole():
    speed = SETTINGS["max_speed_mps"]
    assert speed == (
        "speed",
        "max_speed_mps",
        float,
        0.5,
        "Speed limit",
        "m/s",
        0.0,
        2.0,
        (),
        False,
    )
    assert speed.description == "Speed limit [m/s]"
    assert [SETTINGS[name].range for name in ("max_speed_mps", "count", "way", "on")] == [
        "0 to 2",
        "at least 1",
        "one of in, out",
        "",
    ]
    assert SETTINGS["way"].tunable


def test_the_dataclass_has_the_defaults():
    made = Example(box=(1.0, 2.0))
    assert (made.speed, made.count, made.names, made.way, made.on) == (
        0.5,
        3,
        ("a", "b"),
        "in",
        True,
    )


def test_a_required_one_has_no_default():
    with pytest.raises(TypeError, match="box"):
        Example()


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("max_speed_mps", 1, 1.0),
        ("box", [1, 2.5], (1.0, 2.5)),
        ("names", ["x"], ("x",)),
        ("way", "out", "out"),
        ("on", False, False),
        ("none", [], ()),
        ("none", ["x"], ("x",)),
    ],
)
def test_a_right_value_has_the_default_type(name, raw, value):
    result = checked(SETTINGS[name], raw)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("max_speed_mps", 2.5, "expected 0.0 to 2.0, got 2.5"),
        ("max_speed_mps", float("nan"), "expected 0.0 to 2.0, got nan"),
        ("max_speed_mps", True, "expected a float, got True"),
        ("max_speed_mps", "fast", "expected a float, got 'fast'"),
        ("count", 1.5, "expected a int, got 1.5"),
        ("count", 0, "expected 1 to inf, got 0"),
        ("box", [1.0], r"expected 2 floats, got \[1.0\]"),
        ("box", ["a", "b"], r"expected 2 floats, got \['a', 'b'\]"),
        ("box", 1.0, "expected a list, got 1.0"),
        ("names", "ab", "expected a list, got 'ab'"),
        ("none", [1], r"expected a list of strs, got \[1\]"),
        ("none", {"a": 1}, "expected a list, got {'a': 1}"),
        ("way", "up", "expected one of in, out, got 'up'"),
        ("on", 1, "expected a bool, got 1"),
    ],
)
def test_a_wrong_value_is_named(name, raw, message):
    with pytest.raises(ConfigurationError, match=f"^parameter {name}: {message}$"):
        checked(SETTINGS[name], raw)


def test_values_by_name_make_the_dataclass():
    made = made_from(Example, {"max_speed_mps": 1, "other": 5}, plain=8)
    assert (made.plain, made.speed, made.box) == (8, 1.0, (0.0, 1.0))


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3.0, int, 3),
        (3.0, int | None, 3),
        ("1e-4", float, 1e-4),
        ("2.5E3", int | None, 2500),
        ("1e3", str, "1e3"),
        (None, int | None, None),
        (3, float, 3.0),
        ([1, 2], tuple[int, ...], (1, 2)),
        (["a"], tuple[str, ...], ("a",)),
        ({"a": 1}, dict[str, object], {"a": 1}),
    ],
)
def test_a_document_gives_the_type_of_the_field(value, hint, expected):
    result = converted("it", value, hint)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        (3.5, int, "expected a int, got 3.5"),
        (True, float, "expected a float, got True"),
        (float("inf"), float, "expected a finite number of at most 1e[+]15, got inf"),
        (None, int, "expected a int, got None"),
        ([1, 2.5], tuple[int, ...], r"expected a list of ints, got \[1, 2.5\]"),
        (7, tuple[int, ...], "expected a list, got 7"),
        ({1: 2}, dict[str, object], "expected a mapping of names to values, got {1: 2}"),
    ],
)
def test_a_wrong_value_of_a_document_is_named(value, hint, message):
    with pytest.raises(ConfigurationError, match=f"^it: {message}$"):
        converted("it", value, hint)
