"""How a Net F/T box scales its counts: ``netftapi2.xml``, read safely and turned into SI units."""

from __future__ import annotations

import http.client
import math
from dataclasses import dataclass
from functools import cached_property
from xml.parsers import expat

import numpy as np

from der_ros.drivers.netft.rdt import RdtRecord
from der_ros.errors import ConfigurationError, ConnectionFailedError, DerRosError, ProtocolError
from der_ros.geometry import Wrench

MAX_DOCUMENT_BYTES = 256 * 1024
PATH = "/netftapi2.xml"

_LBF = 4.4482216152605
_KGF = 9.80665
_NEWTONS = {"N": 1.0, "kN": 1000.0, "lbf": _LBF, "klbf": 1000.0 * _LBF, "kgf": _KGF,
            "gf": 0.001 * _KGF}  # fmt: skip
_NEWTON_METRES = {"Nm": 1.0, "N-m": 1.0, "Nmm": 0.001, "N-mm": 0.001, "kNm": 1000.0,
                  "kN-m": 1000.0, "lbf-in": 0.0254 * _LBF, "lbf-ft": 0.3048 * _LBF,
                  "kg-cm": 0.01 * _KGF, "kgf-cm": 0.01 * _KGF}  # fmt: skip
_MAX_DEPTH = 64


@dataclass(frozen=True)
class SensorConfiguration:
    """What a box says about itself.

    Attributes:
        counts_per_force: counts per unit of force.
        counts_per_torque: counts per unit of torque.
        force_unit: as the box spells it.
        torque_unit: as the box spells it.
        rdt_enabled: whether the box streams at all.
        rdt_rate_hz: records a second.
        rdt_buffer_size: records a packet in buffered mode.
        product_name: decides how the status word is read.
        user_filter: number of the box's own low-pass filter; -1 where it does not say.
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
        """Checks what scales.

        Raises:
            ConfigurationError: an unknown unit, or counts that are not finite and positive.
        """
        _scale(_NEWTONS, self.force_unit, "force unit (scfgfu)")
        _scale(_NEWTON_METRES, self.torque_unit, "torque unit (scfgtu)")
        for name in ("counts_per_force", "counts_per_torque"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigurationError(f"{name}: expected a number above zero, got {value}")

    @cached_property
    def newtons_per_count(self) -> float:
        """Multiplies a force in counts."""
        return _scale(_NEWTONS, self.force_unit, "force unit") / self.counts_per_force

    @cached_property
    def newton_metres_per_count(self) -> float:
        """Multiplies a torque in counts."""
        return _scale(_NEWTON_METRES, self.torque_unit, "torque unit") / self.counts_per_torque

    def wrench(self, record: RdtRecord) -> Wrench:
        """The record in N and Nm, sensor axes, about the sensor's origin."""
        return Wrench(
            np.array(record[3:6]) * self.newtons_per_count,
            np.array(record[6:9]) * self.newton_metres_per_count,
        )

    def to_xml(self) -> bytes:
        """A document like the box's, for the simulated one."""
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
    """Reads ``netftapi2.xml``; the tags may stand at any depth.

    Raises:
        ProtocolError: too long, not XML, a document type or entity, a tag missing or given twice
            with different texts, a number that is none.
        ConfigurationError: a unit that is not known.
    """
    texts = _texts(document)
    return SensorConfiguration(
        counts_per_force=_number(texts, "cfgcpf"),
        counts_per_torque=_number(texts, "cfgcpt"),
        force_unit=_text(texts, "scfgfu"),
        torque_unit=_text(texts, "scfgtu"),
        rdt_enabled=texts.get("comrdte", "1").lower() in ("1", "enabled", "on", "true", "yes"),
        rdt_rate_hz=int(_number(texts, "comrdtrate")) if "comrdtrate" in texts else 0,
        rdt_buffer_size=int(_number(texts, "comrdtbsiz")) if "comrdtbsiz" in texts else 1,
        product_name=texts.get("prodname", ""),
        user_filter=int(_number(texts, "setuserfilter")) if "setuserfilter" in texts else -1,
    )


def fetch_configuration(address: str, port: int, timeout_s: float = 2.0) -> SensorConfiguration:
    """Asks the box over HTTP.

    Raises:
        ConnectionFailedError: nobody answers there, or not with such a document.
        ProtocolError: as for ``parse_configuration``.
        ConfigurationError: as for ``parse_configuration``.
    """
    return parse_configuration(_get(address, port, PATH, timeout_s))


def request_rate(address: str, port: int, rate_hz: int, timeout_s: float = 2.0) -> None:
    """Asks the box over HTTP for another RDT rate; read the configuration back to see it.

    Raises:
        ConnectionFailedError: nobody answers there, or the box refuses.
    """
    _get(address, port, f"/comm.cgi?comrdtrate={rate_hz}", timeout_s)


def request_filter(address: str, port: int, user_filter: int, timeout_s: float = 2.0) -> None:
    """Asks the box over HTTP for another of its low-pass filters, 0 to 12; read it back as well.

    Raises:
        ConnectionFailedError: nobody answers there, or the box refuses.
    """
    _get(address, port, f"/setting.cgi?setuserfilter={user_filter}", timeout_s)


def _get(address: str, port: int, path: str, timeout_s: float) -> bytes:
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(MAX_DOCUMENT_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionFailedError(
            f"Net F/T box: expected an answer from http://{address}:{port}{path}, got "
            f"'{error or type(error).__name__}'; check sensor_ip, the cable and the power"
        ) from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ConnectionFailedError(
            f"Net F/T box: expected 200 from http://{address}:{port}{path}, got {response.status}; "
            "is this address a Net F/T box?"
        )
    return body


def _texts(document: bytes) -> dict[str, str]:
    """Text by tag, lower case, of every element."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ProtocolError(f"{PATH}: expected at most {MAX_DOCUMENT_BYTES} bytes")
    texts: dict[str, str] = {}
    path: list[tuple[str, list[str]]] = []

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if len(path) >= _MAX_DEPTH:
            raise ProtocolError(f"{PATH}: expected at most {_MAX_DEPTH} nested elements")
        path.append((tag.lower(), []))

    def characters(text: str) -> None:
        path[-1][1].append(text)

    def end(_tag: str) -> None:
        tag, parts = path.pop()
        text = "".join(parts).strip()
        if texts.setdefault(tag, text) != text:
            # Lists of channels repeat tags; only the ones that are read must not be ambiguous.
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
        raise ProtocolError(f"{PATH}: expected XML, got {document[:40]!r}: {error}") from error
    return texts


_AMBIGUOUS = "\0ambiguous"


def _refuse_doctype(*_arguments: object) -> None:
    raise ProtocolError(f"{PATH}: expected no document type and no entities")


def _text(texts: dict[str, str], tag: str) -> str:
    text = texts.get(tag)
    if text is None or text == _AMBIGUOUS:
        what = "none" if text is None else "several that differ"
        raise ProtocolError(f"{PATH}: expected one <{tag}>, got {what}")
    return text


def _number(texts: dict[str, str], tag: str) -> float:
    text = _text(texts, tag)
    try:
        value = float(text)
    except ValueError as error:
        raise ProtocolError(f"{PATH}: expected a number in <{tag}>, got {text[:40]!r}") from error
    if not math.isfinite(value):
        raise ProtocolError(f"{PATH}: expected a finite number in <{tag}>, got {text[:40]!r}")
    return value


def _scale(table: dict[str, float], unit: str, name: str) -> float:
    by_lower = {key.lower(): value for key, value in table.items()}
    try:
        return by_lower[unit.strip().lower()]
    except KeyError as error:
        raise ConfigurationError(
            f"{name}: expected one of {', '.join(table)}, got {unit!r}; set the box to one of them"
        ) from error
