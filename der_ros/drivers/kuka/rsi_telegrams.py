"""Parsing and building of telegrams of KUKA's Robot Sensor Interface (RSI, KRC4).

The robot sends ``<Rob>`` in each cycle and the PC answers ``<Sen>`` with the same IPOC. Units on
the wire are millimetres and degrees; A is the rotation about Z, B about Y, C about X
(R = Rz(A) Ry(B) Rx(C)).

Parsing takes microseconds, so it uses no XML library. A usual telegram matches one regular
expression. Any other is parsed by ``telegram_xml``, which is strict with the required elements and
skips all others. A test compares the two parsers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from der_ros.drivers.kuka.telegram_xml import Element, as_text, read_elements
from der_ros.errors import ProtocolError

Six: TypeAlias = tuple[float, float, float, float, float, float]

NO_CORRECTION: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
CARTESIAN_TAGS = ("X", "Y", "Z", "A", "B", "C")
AXIS_TAGS = ("A1", "A2", "A3", "A4", "A5", "A6")

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
# Format of KRC4 with this package's context; the digits are bounded, so the number is finite.
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
_ROBOT_ELEMENTS = frozenset(("IPOC", "RIst", "RSol", "AIPos", "Delay"))
_SENSOR_ELEMENTS = frozenset(("IPOC", "RKorr", "EStr", "Stop"))
_MAX_DELAY = 1e9
_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)


class RobotTelegram(NamedTuple):
    """Content of the controller's telegram of one cycle.

    Attributes:
        ipoc: ``IPOC`` to echo; None in the empty telegram that old versions send first.
        tcp_mm_deg: ``RIst``, measured TCP: X, Y, Z in mm, A, B, C in degrees.
        setpoint_mm_deg: ``RSol``, programmed TCP without corrections; not for control.
        axes_deg: ``AIPos``, measured axis angles A1 to A6, degrees.
        delay: ``Delay``, number of late answers.
        ipoc_text: Digits of the IPOC if they differ from ``str(ipoc)`` (``0012``), else None.
    """

    ipoc: int | None
    tcp_mm_deg: Six | None = None
    setpoint_mm_deg: Six | None = None
    axes_deg: Six | None = None
    delay: int | None = None
    ipoc_text: str | None = None


class SensorTelegram(NamedTuple):
    """Content of the PC's answer in one cycle.

    Attributes:
        ipoc: IPOC of the robot's telegram.
        correction: ``RKorr``: X, Y, Z in mm, A, B, C in degrees; for this cycle (relative) or
            since the start (absolute), depending on the controller's context.
        message: ``EStr``, shown on the pendant if not empty.
        stop: ``Stop``, which ends RSI if the context maps it; None omits the element.
        ipoc_text: Digits to write instead of ``str(ipoc)``, or None.
    """

    ipoc: int
    correction: Six = NO_CORRECTION
    message: str | None = None
    stop: bool | None = None
    ipoc_text: str | None = None


def parse_robot_telegram(data: bytes) -> RobotTelegram:
    """Parse a ``<Rob>`` telegram, strict for the required elements and tolerant of all others.

    ``RSol`` is informative only, so it is None if it cannot be parsed.

    Raises:
        ProtocolError: The telegram is too long, is not delimited like XML or is not a ``<Rob>``; a
            required element is repeated, or a number in it is missing, malformed or not finite.
    """
    text = as_text(data, "Rob")
    usual = _USUAL.fullmatch(text)
    return _parse_any(text) if usual is None else _from_usual(usual.groups())


def _from_usual(groups: tuple[str | None, ...]) -> RobotTelegram:
    digits = groups[25] or "0"
    return RobotTelegram(
        int(digits),
        _floats(groups[0:6]),
        _floats(groups[6:12]),
        _floats(groups[12:18]),
        None if groups[24] is None else int(groups[24]),
        digits if digits[0] == "0" and len(digits) > 1 else None,
    )


def _floats(texts: tuple[str | None, ...]) -> Six | None:
    a, b, c, d, e, f = texts
    if a is None or b is None or c is None or d is None or e is None or f is None:
        return None
    return (float(a), float(b), float(c), float(d), float(e), float(f))


def _parse_any(text: str) -> RobotTelegram:
    """Parse any valid telegram; slower than the usual path."""
    telegram = read_elements(text, "Rob", _ROBOT_ELEMENTS)
    if telegram.empty:
        return RobotTelegram(None)
    elements = telegram.elements
    ipoc, ipoc_text = _ipoc(elements.get("IPOC"), "robot")
    return RobotTelegram(
        ipoc,
        _six(elements.get("RIst"), CARTESIAN_TAGS),
        _six_if_readable(elements.get("RSol"), CARTESIAN_TAGS),
        _six(elements.get("AIPos"), AXIS_TAGS),
        _delay(elements.get("Delay")),
        ipoc_text,
    )


def parse_sensor_telegram(data: bytes) -> SensorTelegram:
    """Parse a ``<Sen>`` telegram, as the controller does.

    Raises:
        ProtocolError: See ``parse_robot_telegram``.
    """
    elements = read_elements(as_text(data, "Sen"), "Sen", _SENSOR_ELEMENTS).elements
    ipoc, ipoc_text = _ipoc(elements.get("IPOC"), "sensor")
    message, stop = elements.get("EStr"), elements.get("Stop")
    return SensorTelegram(
        ipoc,
        _six(elements.get("RKorr"), CARTESIAN_TAGS) or NO_CORRECTION,
        None if message is None else message.text,
        None if stop is None else _integer(_plain_text(stop), "Stop") != 0,
        ipoc_text,
    )


def build_sensor_telegram(telegram: SensorTelegram, sensor_type: str = "ImFree") -> bytes:
    """Encode the PC's answer, with four decimals (0.1 um and 0.0001 degrees).

    Raises:
        ProtocolError: A correction is not finite, or a text contains an XML special character.
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
        f"<IPOC>{telegram.ipoc_text or telegram.ipoc}</IPOC></Sen>"
    ).encode()


def build_robot_telegram(telegram: RobotTelegram) -> bytes:
    """Encode the telegram of a simulated controller; elements that are None are omitted.

    Raises:
        ProtocolError: A number is not finite.
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


def _six(element: Element | None, names: Sequence[str]) -> Six | None:
    """Return six attributes of an element as numbers, in the order of ``names``."""
    if element is None:
        return None
    values = element.attributes()
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


def _six_if_readable(element: Element | None, names: Sequence[str]) -> Six | None:
    try:
        return _six(element, names)
    except ProtocolError:
        return None


def _ipoc(element: Element | None, who: str) -> tuple[int, str | None]:
    """Return the IPOC, and its digits if they differ from ``str(ipoc)``."""
    if element is None:
        raise ProtocolError(f"{who} telegram: expected an <IPOC>, found none")
    text = _plain_text(element)
    number, digits = _integer(text, "IPOC"), text.strip()
    return number, None if digits == str(number) else digits


def _delay(element: Element | None) -> int | None:
    """Parse ``Delay D``, which some controllers write as a float."""
    if element is None:
        return None
    text = element.attributes().get("D", "")
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0.0 <= number <= _MAX_DELAY or number != int(number):
        raise ProtocolError(f"Delay D: expected a whole number, got {text[:40]!r}")
    return int(number)


def _plain_text(element: Element) -> str:
    if not element.plain:
        raise ProtocolError(f"<{element.name}>: expected only a number, got other elements")
    return element.text


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
    """Format with one to four decimals and without negative zero: 1620.0, -0.1234."""
    text = f"{value:.4f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def _plain(text: str, name: str) -> str:
    if any(character in text for character in "<>&\"'"):
        raise ProtocolError(f"{name}: expected a text without < > & and quotes, got {text!r}")
    return text
