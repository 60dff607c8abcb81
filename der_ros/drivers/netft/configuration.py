"""Configuration of a Net F/T box: parsing of ``netftapi2.xml`` and conversion to SI units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from xml.parsers import expat

import numpy as np

from der_ros.drivers.netft.http_page import MAX_DOCUMENT_BYTES, get
from der_ros.drivers.netft.rdt import RdtRecord
from der_ros.errors import ConfigurationError, DerRosError, ProtocolError, printable
from der_ros.geometry import Wrench
from der_ros.settings import NUMBER

PATH = "/netftapi2.xml"

_LBF = 4.4482216152605
_KGF = 9.80665
_NEWTONS = {
    "N": 1.0,
    "kN": 1000.0,
    "lbf": _LBF,
    "lb": _LBF,
    "klbf": 1000.0 * _LBF,
    "klb": 1000.0 * _LBF,
    "kgf": _KGF,
    "kg": _KGF,
    "gf": 0.001 * _KGF,
    "g": 0.001 * _KGF,
}
_NEWTON_METRES = {
    "Nm": 1.0,
    "N-m": 1.0,
    "Nmm": 0.001,
    "N-mm": 0.001,
    "kNm": 1000.0,
    "kN-m": 1000.0,
    "lbf-in": 0.0254 * _LBF,
    "lbf-ft": 0.3048 * _LBF,
    "lb-in": 0.0254 * _LBF,
    "lb-ft": 0.3048 * _LBF,
    "in-lb": 0.0254 * _LBF,
    "ft-lb": 0.3048 * _LBF,
    "in-lbf": 0.0254 * _LBF,
    "ft-lbf": 0.3048 * _LBF,
    "kg-cm": 0.01 * _KGF,
    "kgf-cm": 0.01 * _KGF,
    "kg-m": _KGF,
    "kgf-m": _KGF,
    "g-cm": 1e-5 * _KGF,
    "gf-cm": 1e-5 * _KGF,
}
_MAX_DEPTH = 64
_ENABLED = ("1", "enabled", "on", "true", "yes")
# Above the values of every known box; a larger number is an error.
_MAX_RATE_HZ = 100_000
_MAX_BUFFER = 10_000
_MAX_FILTER = 1_000
_MAX_COUNT = 2.0**31
# Beyond these of every known sensor, a limit on the force would never be reached, or always.
_COARSEST = {"counts_per_force": 1.0, "counts_per_torque": 0.1}  # N, Nm
_SMALLEST_RANGE = {"counts_per_force": 1.0, "counts_per_torque": 0.01}  # N, Nm
_MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class SensorConfiguration:
    """Configuration of a box, as it reports it.

    Attributes:
        counts_per_force: Counts per unit of force.
        counts_per_torque: Counts per unit of torque.
        force_unit: Unit of force in the box's spelling.
        torque_unit: Unit of torque in the box's spelling.
        rdt_enabled: True if RDT is enabled.
        rdt_rate_hz: Record rate, Hz.
        rdt_buffer_size: Records per packet in buffered mode.
        product_name: Product name, which selects the table of status words.
        user_filter: Number of the box's low-pass filter; -1 if unknown.
    """

    counts_per_force: float = 1_000_000.0
    counts_per_torque: float = 1_000_000.0
    force_unit: str = "N"
    torque_unit: str = "Nm"
    rdt_enabled: bool = True
    rdt_rate_hz: int = 1000
    rdt_buffer_size: int = 1
    product_name: str = ""
    user_filter: int = -1

    def __post_init__(self) -> None:
        """Check units and counts per unit.

        Raises:
            ConfigurationError: A unit is unknown, or counts per unit are not finite and positive or
                are those of no sensor.
        """
        newtons = _scale(_NEWTONS, self.force_unit, "force unit (scfgfu)")
        metres = _scale(_NEWTON_METRES, self.torque_unit, "torque unit (scfgtu)")
        for name, unit in (("counts_per_force", newtons), ("counts_per_torque", metres)):
            value = getattr(self, name)
            coarsest, smallest = _COARSEST[name], _SMALLEST_RANGE[name]
            count = unit / value if value > 0.0 and math.isfinite(value) else math.inf
            if not (count <= coarsest and count * _MAX_COUNT >= smallest):
                raise ConfigurationError(
                    f"{name}: expected a number above zero that gives counts of at most "
                    f"{coarsest:g} and a range of at least {smallest:g} (N or Nm), got {value}; "
                    "check counts and units on the box's Configurations page"
                )

    @cached_property
    def newtons_per_count(self) -> float:
        """Factor from counts of force to N."""
        return _scale(_NEWTONS, self.force_unit, "force unit") / self.counts_per_force

    @cached_property
    def newton_metres_per_count(self) -> float:
        """Factor from counts of torque to Nm."""
        return _scale(_NEWTON_METRES, self.torque_unit, "torque unit") / self.counts_per_torque

    def wrench(self, record: RdtRecord) -> Wrench:
        """Return the record in N and Nm, sensor axes, about the sensor's origin."""
        newtons, newton_metres = self.newtons_per_count, self.newton_metres_per_count
        return Wrench(
            np.array([count * newtons for count in record[3:6]]),
            np.array([count * newton_metres for count in record[6:9]]),
        )

    def to_xml(self) -> bytes:
        """Return the document of a simulated box."""
        enabled = "Enabled" if self.rdt_enabled else "Disabled"
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<netft><prodname>'
            f"{self.product_name}</prodname>"
            f"<scfgfu>{self.force_unit}</scfgfu><scfgtu>{self.torque_unit}</scfgtu>"
            f"<cfgcpf>{self.counts_per_force:.10g}</cfgcpf>"
            f"<cfgcpt>{self.counts_per_torque:.10g}</cfgcpt>"
            f"<comrdte>{enabled}</comrdte><comrdtrate>{self.rdt_rate_hz}</comrdtrate>"
            f"<comrdtbsiz>{self.rdt_buffer_size}</comrdtbsiz>"
            f"<setuserfilter>{self.user_filter}</setuserfilter></netft>\n"
        ).encode()


def parse_configuration(document: bytes) -> SensorConfiguration:
    """Parse ``netftapi2.xml``; the tags may be at any depth.

    Raises:
        ProtocolError: The document is too long, is not XML or has a document type or entity; a tag
            is missing or repeated with different texts, or a number is invalid.
        ConfigurationError: A unit is unknown.
    """
    texts = _texts(document)
    return SensorConfiguration(
        counts_per_force=_number(texts, "cfgcpf"),
        counts_per_torque=_number(texts, "cfgcpt"),
        force_unit=_text(texts, "scfgfu"),
        torque_unit=_text(texts, "scfgtu"),
        rdt_enabled=_text(texts, "comrdte", "1").lower() in _ENABLED,
        rdt_rate_hz=_whole(texts, "comrdtrate", 0, _MAX_RATE_HZ),
        rdt_buffer_size=_whole(texts, "comrdtbsiz", 1, _MAX_BUFFER),
        product_name=printable(_text(texts, "prodname", ""))[:_MAX_NAME_CHARACTERS],
        user_filter=_whole(texts, "setuserfilter", -1, _MAX_FILTER),
    )


def fetch_configuration(address: str, port: int, timeout_s: float = 2.0) -> SensorConfiguration:
    """Read the box's configuration over HTTP; ``timeout_s`` bounds the whole answer.

    Raises:
        ConnectionFailedError: There is no answer, or not with such a document.
        ProtocolError: See ``parse_configuration``.
        ConfigurationError: See ``parse_configuration``.
    """
    return parse_configuration(get(address, port, PATH, timeout_s))


def request_rate(address: str, port: int, rate_hz: int, timeout_s: float = 2.0) -> None:
    """Request an RDT rate over HTTP; read the configuration again to check it.

    Raises:
        ConnectionFailedError: There is no answer, or the box refuses.
    """
    get(address, port, f"/comm.cgi?comrdtrate={rate_hz}", timeout_s)


def request_filter(address: str, port: int, user_filter: int, timeout_s: float = 2.0) -> None:
    """Request a low-pass filter, 0 to 12, over HTTP; read the configuration again to check it.

    Raises:
        ConnectionFailedError: There is no answer, or the box refuses.
    """
    get(address, port, f"/setting.cgi?setuserfilter={user_filter}", timeout_s)


def _texts(document: bytes) -> dict[str, str]:
    """Return the text of every element by its tag in lower case."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ProtocolError(f"{PATH}: expected at most {MAX_DOCUMENT_BYTES} bytes")
    texts: dict[str, str] = {}
    path: list[tuple[str, list[str]]] = []

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if path and "".join(path[-1][1]).strip():
            texts[path[-1][0]] = _AMBIGUOUS  # text around an element is no number
        if len(path) >= _MAX_DEPTH:
            raise ProtocolError(f"{PATH}: expected at most {_MAX_DEPTH} nested elements")
        path.append((tag.lower(), []))

    def characters(text: str) -> None:
        path[-1][1].append(text)

    def end(_tag: str) -> None:
        tag, parts = path.pop()
        text = "".join(parts).strip()
        if texts.setdefault(tag, text) != text:
            # Lists of channels repeat tags; only the required tags must be unique.
            texts[tag] = _AMBIGUOUS

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(document, True)
    except DerRosError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise ProtocolError(
            f"{PATH}: expected XML, got {document[:40]!r}: {str(error)[:200]}"
        ) from error
    return texts


_AMBIGUOUS = "\0ambiguous"


def _refuse_doctype(*_arguments: object) -> None:
    raise ProtocolError(f"{PATH}: expected no document type and no entities")


def _text(texts: dict[str, str], tag: str, missing: str | None = None) -> str:
    """Return the text of ``tag``, or ``missing`` if there is no such element."""
    text = texts.get(tag, missing)
    if text is None or text == _AMBIGUOUS:
        what = "none" if text is None else "several that differ"
        raise ProtocolError(f"{PATH}: expected one <{tag}>, got {what}")
    return text


def _number(texts: dict[str, str], tag: str) -> float:
    text = _text(texts, tag)
    if not NUMBER.fullmatch(text) and text.lower().lstrip("+-") not in ("nan", "inf", "infinity"):
        raise ProtocolError(f"{PATH}: expected a number in <{tag}>, got {text[:40]!r}")
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError(f"{PATH}: expected a finite number in <{tag}>, got {text[:40]!r}")
    return value


def _whole(texts: dict[str, str], tag: str, missing: int, highest: int) -> int:
    """Return an integer, or ``missing`` (also a valid value) if there is no element."""
    if tag not in texts:
        return missing
    value = _number(texts, tag)
    if value != math.floor(value) or not min(missing, 0) <= value <= highest:
        raise ProtocolError(
            f"{PATH}: expected a whole number of at most {highest} in <{tag}>, got {value:g}"
        )
    return int(value)


def _scale(table: dict[str, float], unit: str, name: str) -> float:
    by_lower = {key.lower(): value for key, value in table.items()}
    try:
        return by_lower[unit.strip().lower()]
    except KeyError as error:
        raise ConfigurationError(
            f"{name}: expected one of {', '.join(table)}, got {unit[:40]!r}; set the "
            "box to one of them"
        ) from error
