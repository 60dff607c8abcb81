"""The telegrams of KUKA's Robot Sensor Interface (RSI, KRC4): bytes in, numbers out, and back.

The robot sends ``<Rob>`` each cycle, the PC answers ``<Sen>`` with the same IPOC. Units on the wire
are millimetres and degrees; A, B, C turn about Z, B about Y, C about X (R = Rz(A) Ry(B) Rx(C)).

A telegram is read without an XML library: it has to be read within microseconds, and the subset of
XML that controllers send (elements, attributes, text) leaves no room for entities, document types
or anything else that makes an XML parser dangerous. The usual telegram matches one expression as a
whole; any other goes through a tokeniser that takes everything in the subset, ignores unknown
elements and attributes, and refuses the rest. Both read the same telegram alike (tested).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from der_ros.errors import ProtocolError

Six: TypeAlias = tuple[float, float, float, float, float, float]

MAX_TELEGRAM_BYTES = 4096
"""Longer ones are refused; a controller's full telegram has well under 2 kB."""

NO_CORRECTION: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
CARTESIAN_TAGS = ("X", "Y", "Z", "A", "B", "C")
AXIS_TAGS = ("A1", "A2", "A3", "A4", "A5", "A6")

_MAX_DEPTH = 8
_PROLOG = re.compile(r"\s*(?:<\?xml\s[^<>]*\?>)?\s*")
_TOKEN = re.compile(
    r"<(/?)([A-Za-z_][\w.\-]*)"
    r"((?:\s+[A-Za-z_][\w.:\-]*\s*=\s*(?:\"[^\"<&]*\"|'[^'<&]*'))*)\s*(/?)>([^<&]*)",
    re.ASCII,
)
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.:\-]*)\s*=\s*[\"']([^\"']*)[\"']", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
# As KRC4 sends it with this package's context; the digits are bounded, so the number is finite.
_PLAIN_NUMBER = r"(-?\d{1,9}(?:\.\d{0,12})?)"


def _usual(tag: str, names: Sequence[str]) -> str:
    return f"(?:<{tag} " + " ".join([f'{name}="{_PLAIN_NUMBER}"' for name in names]) + " ?/>)?"


_USUAL = re.compile(
    '<Rob T(?:ype|YPE)="KUKA">'
    + _usual("RIst", CARTESIAN_TAGS)
    + _usual("RSol", CARTESIAN_TAGS)
    + _usual("AIPos", AXIS_TAGS)
    + _usual("ASPos", AXIS_TAGS)
    + r'(?:<Delay D="(\d{1,9})" ?/>)?<IPOC>(\d{1,18})</IPOC></Rob>',
    re.ASCII,
)
_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)


class RobotTelegram(NamedTuple):
    """What the controller said in one cycle.

    Attributes:
        ipoc: the number to echo; None in the empty telegram with which old versions open.
        tcp_mm_deg: ``RIst``, the measured TCP: X, Y, Z in mm, A, B, C in degrees.
        setpoint_mm_deg: ``RSol``, the programmed TCP; without corrections, so never for control.
        axes_deg: ``AIPos``, the measured axis angles A1 to A6.
        delay: ``Delay``, how many answers in a row came late.
    """

    ipoc: int | None
    tcp_mm_deg: Six | None = None
    setpoint_mm_deg: Six | None = None
    axes_deg: Six | None = None
    delay: int | None = None


class SensorTelegram(NamedTuple):
    """What the PC answers.

    Attributes:
        ipoc: echoed from the robot's telegram.
        correction: ``RKorr``: X, Y, Z in mm, A, B, C in degrees; for this cycle (relative) or
            since the start (absolute), as the controller's context says.
        message: ``EStr``, shown on the pendant where it is not empty.
        stop: ``Stop``, ends RSI in a context that maps it; None leaves the element out.
    """

    ipoc: int
    correction: Six = NO_CORRECTION
    message: str | None = None
    stop: bool | None = None


class _Element(NamedTuple):
    name: str
    attributes: str
    text: str


def parse_robot_telegram(data: bytes) -> RobotTelegram:
    """Reads a ``<Rob>`` telegram; unknown elements and attributes are ignored.

    Raises:
        ProtocolError: too long, not UTF-8, not well formed, not a ``<Rob>``, an element twice, or
            a number that is missing, malformed or not finite.
    """
    text = _text(data, "Rob")
    usual = _USUAL.fullmatch(text)
    return _parse_any(text) if usual is None else _from_usual(usual.groups())


def _from_usual(groups: tuple[str | None, ...]) -> RobotTelegram:
    return RobotTelegram(
        int(groups[25] or 0),
        _floats(groups[0:6]),
        _floats(groups[6:12]),
        _floats(groups[12:18]),
        None if groups[24] is None else int(groups[24]),
    )


def _floats(texts: tuple[str | None, ...]) -> Six | None:
    a, b, c, d, e, f = texts
    if a is None or b is None or c is None or d is None or e is None or f is None:
        return None
    return (float(a), float(b), float(c), float(d), float(e), float(f))


def _parse_any(text: str) -> RobotTelegram:
    """The slow way, for every telegram in the subset."""
    found = _children(text, "Rob")
    ipoc = found.get("IPOC")
    if ipoc is None and found:
        raise ProtocolError("robot telegram: expected an <IPOC>, found none")
    delay = found.get("Delay")
    return RobotTelegram(
        None if ipoc is None else _integer(ipoc.text, "IPOC"),
        _six(found.get("RIst"), CARTESIAN_TAGS),
        _six(found.get("RSol"), CARTESIAN_TAGS),
        _six(found.get("AIPos"), AXIS_TAGS),
        None if delay is None else _integer(_attributes(delay).get("D", ""), "Delay D"),
    )


def parse_sensor_telegram(data: bytes) -> SensorTelegram:
    """Reads a ``<Sen>`` telegram, as the controller does.

    Raises:
        ProtocolError: as for ``parse_robot_telegram``.
    """
    found = _children(_text(data, "Sen"), "Sen")
    ipoc = found.get("IPOC")
    if ipoc is None:
        raise ProtocolError("sensor telegram: expected an <IPOC>, found none")
    message, stop = found.get("EStr"), found.get("Stop")
    return SensorTelegram(
        _integer(ipoc.text, "IPOC"),
        _six(found.get("RKorr"), CARTESIAN_TAGS) or NO_CORRECTION,
        None if message is None else message.text,
        None if stop is None else _integer(stop.text, "Stop") != 0,
    )


def build_sensor_telegram(telegram: SensorTelegram, sensor_type: str = "ImFree") -> bytes:
    """The answer's bytes; four decimals, 0.1 um and 0.0001 degrees.

    Raises:
        ProtocolError: a correction is not finite, or a text holds a character of XML's own.
    """
    x, y, z, a, b, c = telegram.correction
    if not math.isfinite(x + y + z + a + b + c):
        raise ProtocolError(f"RKorr: expected finite numbers, got {telegram.correction}")
    extra = ""
    if telegram.message is not None:
        extra += f"<EStr>{_plain(telegram.message, 'EStr')}</EStr>"
    if telegram.stop is not None:
        extra += f"<Stop>{int(telegram.stop)}</Stop>"
    return (
        f'<Sen Type="{_plain(sensor_type, "Type")}">{extra}'
        f'<RKorr X="{x:.4f}" Y="{y:.4f}" Z="{z:.4f}" A="{a:.4f}" B="{b:.4f}" C="{c:.4f}"/>'
        f"<IPOC>{telegram.ipoc}</IPOC></Sen>"
    ).encode()


def build_robot_telegram(telegram: RobotTelegram) -> bytes:
    """The controller's bytes, for the simulated one; what is None is left out.

    Raises:
        ProtocolError: a number is not finite.
    """
    parts = ['<Rob Type="KUKA">']
    for tag, names, values in (
        ("RIst", CARTESIAN_TAGS, telegram.tcp_mm_deg),
        ("RSol", CARTESIAN_TAGS, telegram.setpoint_mm_deg),
        ("AIPos", AXIS_TAGS, telegram.axes_deg),
    ):
        if values is not None:
            parts.append(_numbers(tag, names, values))
    if telegram.delay is not None:
        parts.append(f'<Delay D="{telegram.delay}"/>')
    if telegram.ipoc is not None:
        parts.append(f"<IPOC>{telegram.ipoc}</IPOC>")
    parts.append("</Rob>")
    return "".join(parts).encode()


def _children(text: str, root: str) -> dict[str, _Element]:
    """The direct children of ``root`` by name, after checking that the whole is well formed."""
    prolog = _PROLOG.match(text)
    position = prolog.end() if prolog else 0
    path: list[str] = []
    found: dict[str, _Element] = {}
    closed = False
    for token in _TOKEN.finditer(text, position):
        closing, name, attributes, empty, tail = token.groups()
        if token.start() != position or closed or (not path and name != root):
            break
        position = token.end()
        if closing:
            if attributes or empty or not path or path.pop() != name:
                raise _malformed(root, text, token.start())
        elif len(path) == 1 and name in found:
            raise ProtocolError(f"<{root}> telegram: expected one <{name}>, got two")
        else:
            if len(path) == 1:
                found[name] = _Element(name, attributes, tail)
            if not empty:
                path.append(name)
        closed = not path
        if len(path) > _MAX_DEPTH or (closed and tail):
            raise _malformed(root, text, token.start())
    if not closed or position != len(text):
        raise _malformed(root, text, position)
    return found


def _text(data: bytes, root: str) -> str:
    """The telegram as text; controllers pad with zero bytes and line ends."""
    if len(data) > MAX_TELEGRAM_BYTES:
        raise ProtocolError(
            f"<{root}> telegram: expected at most {MAX_TELEGRAM_BYTES} bytes, got {len(data)}"
        )
    try:
        return data.decode().rstrip("\0\r\n\t ")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"<{root}> telegram: expected UTF-8, got {data[:40]!r}") from error


def _malformed(root: str, text: str, position: int) -> ProtocolError:
    return ProtocolError(
        f"<{root}> telegram: expected well-formed XML without entities and document type, got "
        f"{text[position : position + 40]!r} at character {position}"
    )


def _attributes(element: _Element) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(element.attributes)
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ProtocolError(f"<{element.name}>: expected each attribute once, got {pairs}")
    return values


def _six(element: _Element | None, names: Sequence[str]) -> Six | None:
    """The six numbers ``names`` of an element, in any order, others ignored."""
    if element is None:
        return None
    values = _attributes(element)
    try:
        a, b, c, d, e, f = [values[name] for name in names]
    except KeyError as error:
        raise ProtocolError(
            f"<{element.name}>: expected the attributes {', '.join(names)}, got {sorted(values)}"
        ) from error
    for text in (a, b, c, d, e, f):
        if not _NUMBER.fullmatch(text):
            raise ProtocolError(f"<{element.name}>: expected finite numbers, got {text[:40]!r}")
    numbers = (float(a), float(b), float(c), float(d), float(e), float(f))
    if not all(map(math.isfinite, numbers)):
        raise ProtocolError(f"<{element.name}>: expected finite numbers, got {numbers}")
    return numbers


def _integer(text: str, name: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ProtocolError(f"{name}: expected a whole number, got {text[:40]!r}")
    return int(text)


def _numbers(tag: str, names: Sequence[str], values: Six) -> str:
    if not all(map(math.isfinite, values)):
        raise ProtocolError(f"{tag}: expected finite numbers, got {values}")
    pairs = zip(names, values, strict=True)
    return f"<{tag} " + " ".join([f'{name}="{_decimal(value)}"' for name, value in pairs]) + "/>"


def _decimal(value: float) -> str:
    """Up to four decimals, at least one, no minus before zero: 1620.0, -0.1234."""
    text = f"{value:.4f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def _plain(text: str, name: str) -> str:
    if any(character in text for character in "<>&\"'"):
        raise ProtocolError(f"{name}: expected a text without < > & and quotes, got {text!r}")
    return text
