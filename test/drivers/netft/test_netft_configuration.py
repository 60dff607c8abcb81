"""``netftapi2.xml``: tags at any depth, every unit, and invalid documents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.drivers.netft.configuration import (
    MAX_DOCUMENT_BYTES,
    SensorConfiguration,
    parse_configuration,
)
from der_ros.drivers.netft.rdt import RdtRecord
from der_ros.errors import ConfigurationError, ProtocolError

DEEP = b"""<?xml version="1.0"?><netft><a><setting><cfgcpf> 1000000 </cfgcpf>
<cfgcpt>1e6</cfgcpt></setting></a><comm><comrdte>Enabled</comrdte><comrdtrate>500</comrdtrate>
<comrdtbsiz>10</comrdtbsiz></comm><scfgfu>lbf</scfgfu><scfgtu>lbf-in</scfgtu>
<prodname>Net Box</prodname><axis>1</axis><axis>2</axis></netft>"""


def test_tags_at_any_depth():
    assert parse_configuration(DEEP) == SensorConfiguration(
        1e6, 1e6, "lbf", "lbf-in", True, 500, 10, "Net Box"
    )


RECORD = RdtRecord(1, 1, 0, 1_000_000, 0, -2_000_000, 0, 3_000_000, 0)


@pytest.mark.parametrize(
    ("unit", "newtons"),
    [
        ("N", 1.0),
        ("kN", 1e3),
        ("lbf", 4.4482216152605),
        ("klbf", 4448.2216152605),
        ("kgf", 9.80665),
        ("gf", 0.00980665),
        ("kg", 9.80665),
        ("g", 0.00980665),
        ("lb", 4.4482216152605),
        ("klb", 4448.2216152605),
    ],
)
def test_force_units(unit, newtons):
    wrench = SensorConfiguration(force_unit=unit).wrench(RECORD)
    np.testing.assert_allclose(wrench.force, np.array((1.0, 0.0, -2.0)) * newtons)


@pytest.mark.parametrize(
    ("unit", "newton_metres"),
    [
        ("Nm", 1.0),
        ("N-m", 1.0),
        ("Nmm", 1e-3),
        ("kNm", 1e3),
        ("lbf-in", 0.1129848290276167),
        ("lbf-ft", 1.3558179483314004),
        ("kg-cm", 0.0980665),
        ("kg-m", 9.80665),
        ("lb-in", 0.1129848290276167),
        ("ft-lb", 1.3558179483314004),
        ("g-cm", 9.80665e-5),
    ],
)
def test_torque_units(unit, newton_metres):
    wrench = SensorConfiguration(torque_unit=unit).wrench(RECORD)
    np.testing.assert_allclose(wrench.torque, np.array((0.0, 3.0, 0.0)) * newton_metres)


@pytest.mark.parametrize(
    ("old", "new", "error", "expected"),
    [
        (b"lbf<", b"stone<", ConfigurationError, "force unit"),
        (b"lbf-in", b"stone-mile", ConfigurationError, "torque unit"),
        (b"<cfgcpt>1e6</cfgcpt>", b"", ProtocolError, "one <cfgcpt>, got none"),
        (b"1e6", b"1e6x", ProtocolError, "a number in <cfgcpt>"),
        (b"1e6", b"nan", ProtocolError, "finite number in <cfgcpt>"),
        (b"1e6", b"-5", ConfigurationError, "above zero"),
        (b"1e6", b"1e-300", ConfigurationError, "counts_per_torque: expected a number above"),
        (b"1e6", b"1e308", ConfigurationError, "a range of at least 0.01"),
        (b"1e6", b"1", ConfigurationError, "counts of at most 0.1"),
        (b"1e6", b"1<x/>000", ProtocolError, "several that differ"),
        (b" 1000000 ", b"2e10", ConfigurationError, "counts_per_force.* at least 1 "),
        (b" 1000000 ", b"4", ConfigurationError, "counts_per_force.* at most 1 "),
        (b"<axis>1</axis>", b"<cfgcpt>7</cfgcpt>", ProtocolError, "several that differ"),
        (b"</netft>", b"", ProtocolError, "expected XML"),
        (b"<netft>", b"<!DOCTYPE netft><netft>", ProtocolError, "no document type"),
        (
            b"<netft>",
            b'<!DOCTYPE n [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><netft>&b;',
            ProtocolError,
            "no document type",
        ),
        (b"<axis>1</axis>", b"<x>" * 100 + b"</x>" * 100, ProtocolError, "nested"),
        (b"<netft>", b" " * MAX_DOCUMENT_BYTES + b"<netft>", ProtocolError, "at most"),
    ],
)
def test_what_is_refused(old, new, error, expected):
    assert old in DEEP
    with pytest.raises(error, match=expected):
        parse_configuration(DEEP.replace(old, new, 1))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_protocol_errors(data):
    with pytest.raises(ProtocolError):
        parse_configuration(data)


def test_the_simulated_document_is_read_back():
    sensor = SensorConfiguration(1e5, 2e5, "kN", "Nmm", False, 7000, 40, "Axia")
    assert parse_configuration(sensor.to_xml()) == sensor


def test_a_product_name_forges_no_line_of_a_log():
    name = "Net&#10;Box\u202e".encode()
    read = parse_configuration(DEEP.replace(b"Net Box", name))
    assert read.product_name == r"Net\nBox\u202e"
