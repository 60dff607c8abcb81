"""Launch arguments: declarations and checks.

All arguments are checked before any process starts. Each error message names its argument.
"""

from __future__ import annotations

import difflib
import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any, TypeAlias

from der_ros.documents import shortened
from der_ros.settings import LARGEST, NUMBER, Setting, settings_of

Kind: TypeAlias = type[str] | type[int] | type[float] | type[bool] | type[IPv4Address] | type[Path]

# Accepted for every launched process, and by ros2 launch itself.
COMMON = ("sigterm_timeout", "sigkill_timeout", "launch-prefix", "launch-prefix-filter")
ON_OFF = ("true", "false")
_MAX_SHOWN = 200
_NUMBERS: dict[Kind, re.Pattern[str]] = {int: re.compile(r"[+-]?[0-9]{1,20}"), float: NUMBER}
_WORDS: dict[Kind, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    IPv4Address: "an IPv4 address",
    Path: "an existing file",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a launch file.

    Attributes:
        name: Name before ``:=``.
        default: Default value, as text.
        description: Help text for ``--show-args``.
        kind: Type of the value; addresses and paths stay text.
        choices: Allowed values; empty allows any.
        minimum: Smallest allowed number; None for no limit.
        maximum: Largest allowed number; None for no limit.
        optional: True if empty text is allowed.
        pattern: Regular expression that the whole text must match; empty allows any.
        words: Description of the expected value in error messages; empty derives it from ``kind``.
    """

    name: str
    default: str
    description: str
    kind: Kind = str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    pattern: str = ""
    words: str = ""

    @classmethod
    def of(cls, group: type, name: str, /, **changes: Any) -> Argument:
        """Return the launch argument for a setting of a dataclass.

        Args:
            group: Dataclass that declares the setting.
            name: Name of the setting.
            changes: Attributes of the argument that override those of the setting.
        """
        (found,) = (each for each in settings_of(group) if each.name == name)
        return cls.of_setting(found, **changes)

    @classmethod
    def of_setting(cls, setting: Setting, **changes: Any) -> Argument:
        """Return the launch argument for a setting, with ``changes`` as in ``of``."""
        kind = type(setting.default)
        text = str(setting.default)
        given = {
            "name": setting.name,
            "default": text.lower() if kind is bool else text,
            "description": setting.description,
            "kind": kind,
            "choices": ON_OFF if kind is bool else setting.choices,
            "minimum": setting.minimum,
            "maximum": setting.maximum,
        }
        return cls(**{**given, **changes})

    def value(self, text: str) -> str | int | float | bool:
        """Parse ``text`` and return the value.

        Raises:
            ValueError: The text is no valid value. The message names the argument, the expected
                value and the text.
        """
        if complaint := self.complaint(text):
            raise ValueError(complaint)
        value = self._parsed(text) if text or not self.optional else text
        assert value is not None
        return value

    def complaint(self, text: str) -> str:
        """Return an error message that states expected and actual text; empty if it is valid."""
        if self.optional and not text:
            return ""
        if self._parsed(text) is not None and (not self.choices or text in self.choices):
            return ""
        return f"{self.name}: expected {self.expected}, got {shortened(text, _MAX_SHOWN)}"

    @property
    def expected(self) -> str:
        """Description of the valid values: kind, choices and range."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = self.words or _WORDS[self.kind]
        if self.minimum is not None and self.maximum is not None:
            words += f" from {self.minimum:g} to {self.maximum:g}"
        elif self.minimum is not None:
            words += f" of at least {self.minimum:g}"
        elif self.maximum is not None:
            words += f" of at most {self.maximum:g}"
        return words + (", or nothing" if self.optional else "")

    def _parsed(self, text: str) -> str | int | float | bool | None:
        """Return ``text`` as a value of ``kind``, or None if it cannot be parsed."""
        if self.kind in (int, float):
            return self._number(text)
        if self.kind is bool:
            return {"true": True, "false": False}.get(text)
        if self.kind is IPv4Address:
            return text if _is_address(text) else None
        if self.kind is Path:
            return text if os.path.isfile(text) and _is_unicode(text) else None
        fits = re.fullmatch(self.pattern or r"(?s).*", text) and _is_unicode(text)
        return text if fits else None

    def _number(self, text: str) -> int | float | None:
        if not _NUMBERS[self.kind].fullmatch(text):
            return None
        number = int(text) if self.kind is int else float(text)
        low = -LARGEST if self.minimum is None else self.minimum
        high = LARGEST if self.maximum is None else self.maximum
        return number if low <= number <= high else None


Value: TypeAlias = str | int | float | bool


def checked(
    arguments: Iterable[Argument], texts: Mapping[str, str]
) -> tuple[dict[str, Value], list[str]]:
    """Return the values of all valid arguments, and an error message for each invalid one.

    Args:
        arguments: Declared arguments.
        texts: Given texts by argument name; a missing one gets its default.
    """
    given = {one: texts.get(one.name, one.default) for one in arguments}
    wrong = [complaint for one, text in given.items() if (complaint := one.complaint(text))]
    right = {one.name: one.value(text) for one, text in given.items() if not one.complaint(text)}
    return right, wrong


def unknown(arguments: Iterable[Argument], given: Iterable[str]) -> list[str]:
    """Return an error message for each undeclared name, with the closest declared one."""
    names = [argument.name for argument in arguments]
    sentences = []
    for name in given:
        if name in names or name in COMMON:
            continue
        near = difflib.get_close_matches(name, names, 1)
        advice = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"
        sentences.append(f"{name}: there is no such argument; {advice}")
    return sentences


def repeated(
    arguments: Iterable[Argument], words: Iterable[str], given: Iterable[str]
) -> list[str]:
    """Return an error message for each declared argument that is given more than once.

    Both ``ros2 launch`` and an include action take the last value and say nothing.

    Args:
        arguments: Declared arguments.
        words: ``name:=value`` words of the command line.
        given: Names of the arguments passed to the launch file.
    """
    names, given = [word.partition(":=")[0] for word in words], list(given)
    return [
        f"{one.name}: expected one value, got {most}; leave out all but one"
        for one in arguments
        if (most := max(names.count(one.name), given.count(one.name))) > 1
    ]


def _is_unicode(text: str) -> bool:
    """Return False for bytes that are no UTF-8, which no parameter can hold."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _is_address(text: str) -> bool:
    """Return True for the address of one computer; 224.0.0.1 and 0.0.0.0 are none."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or address.is_reserved)
