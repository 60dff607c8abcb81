"""Strict readers: bounded, with one sentence per error."""

import math
import os
import random
import re
import time
from pathlib import Path

import pytest

from der_ros.documents import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    check_yaml_shape,
    parse_json,
    parse_yaml,
    read_text,
    read_yaml,
    to_yaml,
)
from der_ros.errors import ConfigurationError

BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


def refusal(path):
    """Return the error message for a file, which must be read within a moment."""
    start = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(path)
    assert time.monotonic() - start < 5.0
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (BOMB, "line 2: an alias"),
        ("[" * 5000, "levels of nesting"),
        ("a:\n" + "".join(" " * n + "- \n" for n in range(1, 300)), "levels of nesting"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' twice"),
        ("? [1]\n: 2\n", "no plain text"),
        ("rate: .nan", r"\.nan, expected a finite number"),
        ("rate: -.inf", "finite number"),
        ("rate: 1.0e+999", "finite number"),
        ("rate: " + "1:" * 5000 + "0", "characters"),
        ("rate: " + "9" * 5000, "characters"),
        ("a: !!python/object/apply:os.system [ls]", "python/object"),
        ("a: 2001-99-99", "month"),
        ("a: !!bool x", "the tag 'tag:yaml.org,2002:bool'"),
        ("a: !!int ''", "the tag"),
        ("a: !!timestamp x", "the tag"),
        ("- !!set [a]", "the tag"),
        ("speed: 1:30", "the number 1:30; write it without"),
        ("every: 010", "the number 010"),
        ("every: 1_0", "the number 1_0"),
        ("a: [1, 2", "expected"),
        ("a" * (MAX_DOCUMENT_BYTES + 1), "at most"),
    ],
)
def test_wrong_yaml_is_refused_in_one_line(tmp_path, text, match):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    assert re.search(match, refusal(path))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"caf\xe9: 1\n", "UTF-8 text, got byte 0xe9 at 3"),
        (bytes(range(256)) * 4, "UTF-8"),
        (b"a: \x00\x07\n", "expected YAML"),
        (b"a: \xef\xbf\xbe", "expected YAML"),
    ],
)
def test_binary_files_are_refused(tmp_path, content, match):
    path = tmp_path / "file.yaml"
    path.write_bytes(content)
    assert match in refusal(path)


def test_no_file_a_folder_and_a_pipe_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.yaml")
    assert "folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 5000])
def test_a_path_that_can_be_none_is_refused(path):
    with pytest.raises(ConfigurationError, match="expected a readable YAML file"):
        read_yaml(Path(path))


def test_plain_yaml_is_read_as_ever():
    assert parse_yaml("a: !!str 5\nb: 0x10\nc: 0\nd: 0.5\n", "x") == {
        "a": "5",
        "b": 16,
        "c": 0,
        "d": 0.5,
    }
    text = "a: 1\nb: [1.5, 2e3, true, null, text]\nc: {d: '5', e: 1e-3}\n"
    wanted = {"a": 1, "b": [1.5, 2000.0, True, None, "text"], "c": {"d": "5", "e": 0.001}}
    assert parse_yaml(text, "text") == wanted
    assert parse_yaml("", "text") is None


@pytest.mark.parametrize(
    ("text", "value"), [("2.5e5", 2.5e5), ("1e5", 1e5), ("-.5E-3", -0.5e-3), ("1.e+2", 100.0)]
)
def test_an_exponent_is_read_as_ros_reads_it(text, value):
    assert parse_yaml(text, "text") == value
    assert parse_yaml(to_yaml([text]), "text") == [text]
    with pytest.raises(ConfigurationError, match="finite"):
        parse_yaml("1e999", "text")


def test_random_bytes_never_do_more_than_raise(tmp_path):
    rng, path = random.Random(5), tmp_path / "file.yaml"
    for _ in range(500):
        path.write_bytes(rng.randbytes(rng.randrange(60)))
        try:
            read_yaml(path)
        except ConfigurationError:
            continue


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 33 + "]" * 33,
        '{"a":' * 40 + "1" + "}" * 40,
        '{"a": NaN}',
        "[Infinity]",
        "1e999",
        "9" * 100,
        '{"a": 1, "a": 2}',
        '"\\ud800"',
        "{",
        "",
        "[1, 2]]",
    ],
)
def test_wrong_json_is_refused_in_one_line(text):
    with pytest.raises(ConfigurationError, match="thing: expected JSON") as caught:
        parse_json(text, "thing")
    assert len(str(caught.value)) < 400


def test_plain_json_is_read_as_ever():
    assert parse_json('{"a": [1, 2.5, null, "ä"], "b": true}', "thing") == {
        "a": [1, 2.5, None, "ä"],
        "b": True,
    }
    assert math.isclose(parse_json("1e-300", "thing"), 1e-300)


def test_brackets_in_a_json_text_are_no_nesting():
    text = '["' + "[{" * 500 + '\\"[[[", ' + ", ".join(["[]"] * 100) + "]"
    assert len(parse_json(text, "thing")) == 101
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(deepest, "thing")


def test_measured_numbers_may_be_infinite():
    assert parse_json("[NaN, -Infinity, 1e999]", "thing", finite=False)[1:] == [-math.inf, math.inf]


@pytest.mark.parametrize("text", [BOMB, "[" * 5000, "[" * 40 + "]" * 40, "a: [", "a" * 101])
def test_yaml_for_another_reader_is_looked_at_first(text):
    with pytest.raises(ConfigurationError, match="thing: expected"):
        check_yaml_shape(text, "thing", 5001 if len(text) > 101 else 100)
    check_yaml_shape("a: [1, {b: 2}]", "thing", 100)


def test_text_is_read_from_regular_files_only(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "long").write_bytes(b"x" * 11)
    for name, words in (
        ("pipe", "no regular file"),
        ("latin", "UTF-8 text, got byte 0xe4 at 0"),
        ("long", "at most 10 bytes, got 11"),
        ("none", "No such file"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            read_text(tmp_path / name, 10)
    with pytest.raises(ConfigurationError, match="no regular file"):
        read_text(Path("/dev/zero"))
    (tmp_path / "good").write_text("ä", "utf-8")
    assert read_text(tmp_path / "good") == "ä"
