"""Strict readers for YAML and JSON from outside the package, and a YAML writer.

Every error message is one sentence. The YAML reader refuses aliases, duplicate keys, tags, and
numbers that ROS 2's YAML parser reads as other ones. Both readers refuse numbers that are not
finite. Size and nesting depth are bounded, so that reading takes only a moment.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from der_ros.errors import ConfigurationError

MAX_DOCUMENT_BYTES = 128 * 1024
MAX_TEXT_BYTES = 16 * 2**20
MAX_DEPTH = 32
_MAX_NUMBER_CHARACTERS = 64
_TEXT_TAG = "tag:yaml.org,2002:str"
# YAML 1.1 reads 010 as 8, 1:30 as 90 and 1_0 as 10; YAML 1.2 does not.
_OTHER_BASE = re.compile(r"[-+]?0[0-9]+|.*[_:].*")
# YAML 1.1 reads 2.5e5 and 1e5 as texts; YAML 1.2 and ROS 2 as numbers.
_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, without ever waiting for another process.

    Raises:
        OSError: The file does not exist, cannot be read, or is not regular (a pipe, a device).
    """
    try:
        # Without O_NONBLOCK, opening a pipe or reading /proc/kmsg waits for ever.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null character or a lone surrogate in the path
        raise OSError(errno.EINVAL, "the path is no text that a file system can hold") from error
    mode = os.fstat(opened).st_mode
    if stat.S_ISREG(mode):
        return open(opened, "rb")
    os.close(opened)
    folder = stat.S_ISDIR(mode)
    kind = errno.EISDIR if folder else errno.EINVAL
    raise OSError(kind, "it is a folder" if folder else "it is no regular file")


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most ``max_bytes``.

    Raises:
        ConfigurationError: The file is larger.
        OSError: As ``open_regular`` raises it.
    """
    with open_regular(path) as file:
        data: bytes | None = file.read(max_bytes + 1)
        size = os.fstat(file.fileno()).st_size
    if data is None:  # /proc/kmsg has nothing to read
        raise OSError(errno.EINVAL, "it is no regular file")
    if len(data) > max_bytes:
        raise ConfigurationError(
            f"{path}: expected at most {max_bytes} bytes, got {max(len(data), size)}"
        )
    return data


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Read a regular file of UTF-8 text.

    Raises:
        ConfigurationError: The file cannot be read, is not regular, is too large, or is not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes).decode("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: expected a readable file ({error.strerror or error})"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: expected UTF-8 text, got byte 0x{error.object[error.start]:02x} at "
            f"{error.start}"
        ) from error


def read_yaml(path: Path) -> Any:
    """Read a YAML file in UTF-8.

    Raises:
        ConfigurationError: The file cannot be read, is too large, or is not YAML that this module
            accepts; the message names the file and, if known, the line.
    """
    try:
        text = read_bytes(path, MAX_DOCUMENT_BYTES).decode("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: expected a readable YAML file ({error.strerror or error})"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: expected a YAML file of UTF-8 text, got byte "
            f"0x{error.object[error.start]:02x} at {error.start}"
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, what: str) -> Any:
    """Parse one YAML document.

    Args:
        text: YAML text.
        what: Name of the text for error messages, such as the path of its file.

    Raises:
        ConfigurationError: The text is not YAML that this module accepts.
    """
    try:
        if len(text) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"{len(text)} characters, at most {MAX_DOCUMENT_BYTES} are read")
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" in line {mark.line + 1}" if mark else ""
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise ConfigurationError(f"{what}: expected YAML, got{line}: {problem}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        first = " ".join(str(error).split())
        raise ConfigurationError(f"{what}: expected YAML, got: {first}") from error


def check_yaml_shape(text: str, what: str, max_characters: int) -> None:
    """Check that any YAML parser can read a text quickly.

    Use it before another parser than ``parse_yaml``, such as the faster libyaml.

    Args:
        text: YAML text.
        what: Name of the text for error messages.
        max_characters: Largest length of the text.

    Raises:
        ConfigurationError: The text is too long, has an alias, is nested too deep, or is not YAML.
    """
    if len(text) > max_characters:
        raise ConfigurationError(
            f"{what}: expected at most {max_characters} characters, got {len(text)}"
        )
    depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                problem = "an alias" if depth <= MAX_DEPTH else f"more than {MAX_DEPTH} levels"
                raise ConfigurationError(f"{what}: expected plain YAML, got {problem}")
    except yaml.YAMLError as error:
        first = " ".join(str(error).split())
        raise ConfigurationError(f"{what}: expected YAML, got: {first}") from error


def parse_json(text: str, what: str, *, finite: bool = True) -> Any:
    """Parse one JSON document.

    Args:
        text: JSON text.
        what: Name of the text for error messages.
        finite: Refuse NaN and infinity; False is for files of measured numbers.

    Raises:
        ConfigurationError: The text is not JSON, has more than ``MAX_DEPTH`` levels, a duplicate
            key, a number that is not finite, or text that is not Unicode.
    """
    try:
        _refuse_depth(text)
        value = json.loads(
            text,
            parse_constant=_refuse_constant if finite else None,
            parse_float=_finite if finite else None,
            parse_int=_whole,
            object_pairs_hook=_unique,
        )
        # json accepts a lone surrogate, which would raise an error when it is printed.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ConfigurationError(f"{what}: expected JSON, got nesting too deep to read") from error
    except ValueError as error:
        raise ConfigurationError(
            f"{what}: expected JSON, got {shortened(text)} ({error})"
        ) from error
    return value


def _refuse_depth(text: str) -> None:
    """Count brackets, since json's own depth limit depends on the caller and Python version."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for character in _TEXT.sub("", text):
        depth += (character in "[{") - (character in "]}")
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} levels of nesting")


def shortened(text: object, most: int = 80) -> str:
    """Return ``repr(text)``, shortened in the middle if it is longer than ``most``."""
    whole = repr(text)
    return whole if len(whole) <= most else f"{whole[: most // 2]} … {whole[-most // 4 :]}"


def numbers_of_text(name: str, text: str, count: int) -> tuple[float, ...]:
    """Return the ``count`` finite numbers of a text, which are separated by blanks.

    Raises:
        ConfigurationError: The text is another one; the message begins with ``name``.
    """
    try:
        numbers = tuple(map(float, text.split()))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        wanted = "a finite number" if count == 1 else f"{count} finite numbers"
        raise ConfigurationError(f"{name}: expected {wanted}, got {shortened(text)}")
    return numbers


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name}, expected a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shortened(text)}, expected a finite number")
    return value


def _whole(text: str) -> int:
    if len(text) > _MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shortened(twice)} twice")
    return values


def to_yaml(document: object) -> str:
    """Format a document as YAML without anchors, which ROS 2's parsers may not support."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """YAML dumper that repeats an object instead of using an anchor and an alias."""

    def ignore_aliases(self, data: object) -> bool:
        """Return True to disable aliases."""
        return True


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with limits on depth, keys and numbers."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one node (PyYAML hook), refusing aliases and deep nesting."""
        if self.check_event(yaml.AliasEvent):
            raise self._error("an alias (*name), which is not read here; write the value out")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if (tag := getattr(event, "tag", None)) not in (None, "!", _TEXT_TAG):
            raise self._error(f"the tag {shortened(tag)}, which is not read here")
        if self._depth >= MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} levels of nesting")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a dictionary (PyYAML hook), refusing keys that are duplicate or not scalars."""
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _at(key_node, "a key that is no plain text")
            key = self.construct_object(key_node)
            if key in seen:
                raise _at(key_node, f"the key {shortened(key)} twice")
            seen.add(key)
        return super().construct_mapping(node, deep=True)

    def construct_number(self, node: yaml.ScalarNode) -> float | int:
        """Build a finite number of bounded length."""
        if len(node.value) > _MAX_NUMBER_CHARACTERS:
            raise _at(node, f"a number of {len(node.value)} characters")
        if _OTHER_BASE.fullmatch(node.value):
            raise _at(node, f"the number {node.value}; write it without leading zero, _ and :")
        integer = node.tag == "tag:yaml.org,2002:int"
        value = (self.construct_yaml_int if integer else self.construct_yaml_float)(node)
        if not integer and not math.isfinite(value):
            raise _at(node, f"{node.value}, expected a finite number")
        return value

    def _error(self, problem: str) -> yaml.MarkedYAMLError:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        return yaml.composer.ComposerError(None, None, problem, mark)


def _at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _class in (_Plain, _StrictLoader):
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
for _kind in ("int", "float"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _StrictLoader.construct_number)
