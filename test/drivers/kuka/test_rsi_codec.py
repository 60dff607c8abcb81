"""RSI telegrams: byte-exact tables, agreement with an XML library, and arbitrary bytes."""

import contextlib
import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.drivers.kuka import rsi_telegrams
from der_ros.drivers.kuka.rsi_telegrams import RobotTelegram, SensorTelegram
from der_ros.drivers.kuka.telegram_xml import MAX_TELEGRAM_BYTES
from der_ros.errors import ProtocolError

ROBOT_TABLE = [
    (
        b'<Rob Type="KUKA"><RIst X="1620.0" Y="0.0" Z="1910.0" A="0.0" B="90.0" C="0.0"/>'
        b'<RSol X="1621.5" Y="0.0" Z="1910.0" A="0.0" B="90.0" C="0.0"/>'
        b'<AIPos A1="0.0" A2="-90.0" A3="90.0" A4="0.0" A5="0.0" A6="0.0"/>'
        b'<Delay D="0"/><IPOC>543265442</IPOC></Rob>',
        RobotTelegram(
            543265442,
            (1620.0, 0.0, 1910.0, 0.0, 90.0, 0.0),
            (1621.5, 0.0, 1910.0, 0.0, 90.0, 0.0),
            (0.0, -90.0, 90.0, 0.0, 0.0, 0.0),
            0,
        ),
    ),
    (b'<Rob Type="KUKA"></Rob>', RobotTelegram(None)),
    (
        b'<Rob Type="KUKA"><RIst X="-0.1234" Y="0.5" Z="12.0" A="-180.0" B="0.0" C="179.9999"/>'
        b'<Delay D="7"/><IPOC>12</IPOC></Rob>',
        RobotTelegram(12, (-0.1234, 0.5, 12.0, -180.0, 0.0, 179.9999), None, None, 7),
    ),
]

SENSOR_TABLE = [
    (
        b'<Sen Type="ImFree"><RKorr X="0.4000" Y="0.0000" Z="0.0000" A="0.0000" B="0.0000" '
        b'C="0.0000"/><IPOC>543265442</IPOC></Sen>',
        SensorTelegram(543265442, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0)),
    ),
    (
        b'<Sen Type="ImFree"><EStr>halt</EStr><Stop>1</Stop><RKorr X="0.0000" Y="-1.2346" '
        b'Z="0.0000" A="0.0000" B="0.0000" C="0.0001"/><IPOC>1</IPOC></Sen>',
        SensorTelegram(1, (0.0, -1.2346, 0.0, 0.0, 0.0, 0.0001), "halt", True),
    ),
]


@pytest.mark.parametrize(("data", "telegram"), ROBOT_TABLE)
def test_robot_telegram_table(data, telegram):
    assert rsi_telegrams.parse_robot_telegram(data) == telegram
    assert rsi_telegrams.build_robot_telegram(telegram) == data


@pytest.mark.parametrize(("data", "telegram"), SENSOR_TABLE)
def test_sensor_telegram_table(data, telegram):
    assert rsi_telegrams.build_sensor_telegram(telegram) == data
    assert rsi_telegrams.parse_sensor_telegram(data) == telegram


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?>\n<Rob TYPE="KUKA">\n <IPOC>12</IPOC>\n'
        b" <RIst C='6' B='5.0' A='+4' Z='3e0' Y='.2e1' X='1.' Extra='x'/>\n</Rob>\r\n\0\0",
        b'<Rob><Unknown a="1"><RIst X="9" Y="9" Z="9" A="9" B="9" C="9"/></Unknown>'
        b'<RIst X="1" Y="2" Z="3" A="4" B="5" C="6"></RIst><IPOC> 12 </IPOC></Rob>',
    ],
)
def test_other_spellings_are_understood(data):
    assert rsi_telegrams.parse_robot_telegram(data) == RobotTelegram(
        12, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    )


GOOD = b"<RIst X='1' Y='2' Z='3' A='4' B='5' C='6'/>"
# Telegrams as other programs or people write them; each must be answered.
ODD = {
    "entity": b"<Rob><Msg>a &amp; b</Msg>%s<IPOC>12</IPOC></Rob>",
    "latin-1": b"<Rob><Msg>gr\xfc\xdfe</Msg>%s<IPOC>12</IPOC></Rob>",
    "latin-1-marked": b"\xef\xbb\xbf<Rob><Msg>\xfc</Msg>%s<IPOC>12</IPOC></Rob>",
    "utf-8": "<Rob><M\u00e4ss t='\u20ac'>\u00fc</M\u00e4ss>%s<IPOC>12</IPOC></Rob>".encode(),
    "comment": b"<!-- a --><Rob><!-- <IPOC>9</IPOC> -->%s<IPOC>12</IPOC></Rob><!-- b -->",
    "comment-within": b"<Rob>%s<IPOC><!-- n -->1<!-- - -->2</IPOC></Rob>",
    "byte-order-mark": b"\xef\xbb\xbf<Rob>%s<IPOC>12</IPOC></Rob>",
    "declaration": b"<?xml version='1.0' encoding='ISO-8859-1'?>\r\n<Rob>%s<IPOC>12</IPOC></Rob>",
    "instruction": b"<Rob><?php echo '<IPOC>9</IPOC>' ?>%s<IPOC>12</IPOC></Rob>",
    "cdata": b"<Rob><Msg><![CDATA[ </Rob> & <IPOC>9</IPOC> ]]></Msg>%s<IPOC>12</IPOC></Rob>",
    "twice": b"<Rob><Tech/><Tech>1</Tech>%s<IPOC>12</IPOC></Rob>",
    "nested-root": b"<Rob><Rob><IPOC>9</IPOC></Rob>%s<IPOC>12</IPOC></Rob>",
    "nested": b"<Rob><Krl><RIst X='9'/><IPOC>9</IPOC></Krl>%s<IPOC>12</IPOC></Rob>",
    "namespace": b"<Rob xmlns:k='urn:k' k:a=\"x > y\"><k:b k:c='<'/>%s<IPOC>12</IPOC></Rob>",
    "unquoted": b"<Rob TYPE=KUKA><Digin o1=1 o2/>%s<IPOC>12</IPOC></Rob>",
    "setpoint": b"<Rob><RSol X='nan'/>%s<IPOC>12</IPOC></Rob>",
    "spaces": b"\r\n<Rob >\t%s\n<IPOC >\n12 </IPOC\n></Rob >\n\0\0",
    "text": b"<Rob>,%s;<IPOC>12</IPOC></Rob>",
    "other-values": b"<Rob><Msg D='1e999' X='nan'>1,5</Msg>%s<IPOC>12</IPOC></Rob>",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_odd_elements_do_not_refuse_a_telegram(data):
    expected = RobotTelegram(12, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    assert rsi_telegrams.parse_robot_telegram(data % GOOD) == expected


@pytest.mark.parametrize(
    ("written", "number"),
    [("1.0E+02", 100.0), ("+5", 5.0), ("-0", 0.0), (" 7 ", 7.0), (".5", 0.5), ("5.", 5.0)],
)
def test_numbers_as_others_write_them(written, number):
    data = f'<Rob><RIst X="{written}" Y="0" Z="0" A="0" B="0" C="0"/><IPOC>1</IPOC></Rob>'
    assert rsi_telegrams.parse_robot_telegram(data.encode()).tcp_mm_deg[0] == number


@pytest.mark.parametrize("written", ["0", "0.0", "+0", "0e5"])
def test_a_delay_may_be_written_as_a_float(written):
    data = f'<Rob><Delay D="{written}"/><IPOC>1</IPOC></Rob>'
    assert rsi_telegrams.parse_robot_telegram(data.encode()).delay == 0


@pytest.mark.parametrize("written", ["12", "0012", "+12", "0", "00"])
@pytest.mark.parametrize("gap", ["", "\n"])
def test_an_ipoc_is_echoed_to_the_digit(written, gap):
    data = f'<Rob Type="KUKA">{gap}<IPOC>{written}</IPOC></Rob>'.encode()
    telegram = rsi_telegrams.parse_robot_telegram(data)
    answer = SensorTelegram(telegram.ipoc, ipoc_text=telegram.ipoc_text)
    assert f"<IPOC>{written}</IPOC>".encode() in rsi_telegrams.build_sensor_telegram(answer)


@pytest.mark.parametrize("data", [b"<Rob/>", b"<Rob></Rob>", b"<?xml?><Rob>\n<!-- --></Rob>"])
def test_an_empty_telegram_opens(data):
    assert rsi_telegrams.parse_robot_telegram(data) == RobotTelegram(None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "well-formed"),
        (b"<Rob><IPOC>1</IPOC>", "well-formed"),
        (b"<Rob><IPOC>1</Rob></IPOC>", "well-formed"),
        (b"<Rob></Rob><Rob></Rob>", "well-formed"),
        (b"<Rob></Rob>junk", "well-formed"),
        (b"<Sen><IPOC>1</IPOC></Sen>", "well-formed"),
        (b'<!DOCTYPE Rob [<!ENTITY a "b">]><Rob><IPOC>1</IPOC></Rob>', "document type"),
        (b"<Rob><IPOC>1</IPOC><IPOC>2</IPOC></Rob>", "one <IPOC>"),
        (b"<Rob><Delay D='0'/></Rob>", "an <IPOC>"),
        (b"<Rob><IPOC>1.5</IPOC></Rob>", "whole number"),
        ("<Rob><IPOC>\u0661</IPOC></Rob>".encode(), "whole number"),
        (b"<Rob><IPOC>1_0</IPOC></Rob>", "whole number"),
        (b"<Rob><IPOC>1</IPOC><Delay/></Rob>", "Delay D"),
        (b"<Rob><IPOC>1</IPOC><RIst X='1'/></Rob>", "attributes X, Y, Z"),
        (b"<Rob><IPOC>1</IPOC><RIst X='nan' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "finite"),
        (b"<Rob><IPOC>1</IPOC><RIst X='1e999' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "finite"),
        (b"<Rob><IPOC>1</IPOC><RIst X='1' X='2' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "once"),
        (b"<Rob><IPOC>1</IPOC>" + b" " * MAX_TELEGRAM_BYTES + b"</Rob>", "at most"),
        (b"<Rob>" + b"<a>" * 100 + b"</a>" * 100 + b"</Rob>", "well-formed"),
        (b"<Rob><Msg>a<Msg></Rob><IPOC>1</IPOC></Rob>", "well-formed"),
        (b'<Rob><Msg t="a><IPOC>1</IPOC></Rob>', "well-formed"),
        (b"<Rob><!-- open <IPOC>1</IPOC></Rob>", "well-formed"),
        (b"<Rob><![CDATA[ open <IPOC>1</IPOC></Rob>", "well-formed"),
        (b"<![CDATA[x]]><Rob><IPOC>1</IPOC></Rob>", "well-formed"),
        (b"<Rob>hello</Rob>", "an <IPOC>"),
        (b"<Rob><Msg/></Rob>", "an <IPOC>"),
        (b"<Rob><Rob><IPOC>1</IPOC></Rob></Rob>", "an <IPOC>"),
        (b"<Rob><IPOC>&#49;</IPOC></Rob>", "whole number"),
        (b"<Rob><IPOC>1<b/>2</IPOC></Rob>", "only a number"),
        (b"<Rob><IPOC><![CDATA[1]]></IPOC></Rob>", "only a number"),
        (b"<Rob><IPOC>1</IPOC><Delay D='0.5'/></Rob>", "Delay D"),
        (b"<Rob><IPOC>1</IPOC><Delay D='1e999'/></Rob>", "Delay D"),
        (b"<Rob><IPOC>1</IPOC><Delay D='1e308'/></Rob>", "Delay D"),
        (b"<Rob><IPOC>1</IPOC><Delay D='-1'/></Rob>", "Delay D"),
        (b"<Rob><IPOC>1</IPOC><RIst X=1 Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "once"),
        (b"<Rob><IPOC>1</IPOC><RIst X='1,5' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "finite"),
        (b"<Rob><IPOC>1</IPOC><RIst X='&#49;' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "once"),
        (b"<Rob><IPOC>1</IPOC><RIst X='0x1' Y='0' Z='0' A='0' B='0' C='0'/></Rob>", "finite"),
    ],
)
def test_what_is_refused(data, expected):
    with pytest.raises(ProtocolError, match=expected):
        rsi_telegrams.parse_robot_telegram(data)


def test_what_cannot_be_built():
    with pytest.raises(ProtocolError, match="finite"):
        rsi_telegrams.build_sensor_telegram(SensorTelegram(1, (math.nan, 0, 0, 0, 0, 0)))
    with pytest.raises(ProtocolError, match="without < >"):
        rsi_telegrams.build_sensor_telegram(SensorTelegram(1, message="</EStr>"))
    with pytest.raises(ProtocolError, match="finite"):
        rsi_telegrams.build_robot_telegram(RobotTelegram(1, (math.inf, 0, 0, 0, 0, 0)))


numbers = st.floats(-99_999.0, 99_999.0).map(lambda value: round(value, 4) + 0.0)
sixes = st.tuples(*[numbers] * 6)
telegrams = st.builds(
    RobotTelegram,
    st.integers(0, 10**15),
    st.none() | sixes,
    st.none() | sixes,
    st.none() | sixes,
    st.none() | st.integers(0, 10_000),
    st.none(),
)


@given(telegrams)
def test_robot_round_trip_agrees_with_an_xml_library(telegram):
    data = rsi_telegrams.build_robot_telegram(telegram)
    assert rsi_telegrams.parse_robot_telegram(data) == telegram
    root = ET.fromstring(data)
    assert int(root.findtext("IPOC")) == telegram.ipoc
    for tag, names, values in (
        ("RIst", rsi_telegrams.CARTESIAN_TAGS, telegram.tcp_mm_deg),
        ("RSol", rsi_telegrams.CARTESIAN_TAGS, telegram.setpoint_mm_deg),
        ("AIPos", rsi_telegrams.AXIS_TAGS, telegram.axes_deg),
    ):
        element = root.find(tag)
        found = None if element is None else tuple(float(element.get(name)) for name in names)
        assert found == values


@given(telegrams, st.sampled_from(["\n", "  ", "\t"]))
def test_the_usual_and_the_general_way_agree(telegram, gap):
    data = rsi_telegrams.build_robot_telegram(telegram)
    # A gap between the elements takes the telegram off the fast path and changes nothing else.
    assert (
        rsi_telegrams.parse_robot_telegram(data.replace(b"><", b">" + gap.encode() + b"<"))
        == telegram
    )


@given(st.integers(0, 10**15), sixes, st.none() | st.booleans())
def test_sensor_round_trip_agrees_with_an_xml_library(ipoc, correction, stop):
    telegram = SensorTelegram(ipoc, correction, None, stop)
    data = rsi_telegrams.build_sensor_telegram(telegram)
    assert rsi_telegrams.parse_sensor_telegram(data) == telegram
    element = ET.fromstring(data).find("RKorr")
    assert tuple(float(element.get(name)) for name in rsi_telegrams.CARTESIAN_TAGS) == correction


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_protocol_errors(data):
    for parse in (rsi_telegrams.parse_robot_telegram, rsi_telegrams.parse_sensor_telegram):
        with pytest.raises(ProtocolError):
            parse(data)


@given(st.data())
def test_damaged_telegrams_raise_only_protocol_errors(draw):
    data = bytearray(ROBOT_TABLE[0][0])
    for _ in range(draw.draw(st.integers(1, 4))):
        position = draw.draw(st.integers(0, len(data) - 1))
        data[position : position + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    try:
        telegram = rsi_telegrams.parse_robot_telegram(bytes(data))
    except ProtocolError:
        return
    for six in (telegram.tcp_mm_deg, telegram.setpoint_mm_deg, telegram.axes_deg):
        assert six is None or all(map(math.isfinite, six))


pieces = st.sampled_from(
    [
        b"<Rob>",
        b"</Rob>",
        b"<IPOC>",
        b"</IPOC>",
        b"12",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<?",
        b"?>",
        b"<a b='",
        b"'",
        b'"',
        b"/>",
        b">",
        b"&amp;",
        b"&",
        b"<!DOCTYPE a [",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\0",
        b" ",
        GOOD,
    ]
)


@given(st.lists(pieces, max_size=30).map(b"".join))
def test_pieces_of_xml_raise_only_protocol_errors(data):
    for parse in (rsi_telegrams.parse_robot_telegram, rsi_telegrams.parse_sensor_telegram):
        with contextlib.suppress(ProtocolError):
            parse(data)


@given(st.text(max_size=60).filter(lambda text: not set(text) & set("<>")))
def test_other_elements_do_not_matter(text):
    data = b"<Rob><Msg>%s</Msg>%s<IPOC>12</IPOC></Rob>" % (text.encode(errors="replace"), GOOD)
    assert rsi_telegrams.parse_robot_telegram(data).ipoc == 12
