"""RDT bytes: hand-written tables, round trips, arbitrary bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netft_tables import RECORDS, REQUESTS

from der_ros.drivers.netft import rdt
from der_ros.errors import ProtocolError


def decoded(packet):
    return [rdt.decode_record(packet, offset) for offset in rdt.record_offsets(packet)]


@pytest.mark.parametrize(("data", "request_"), REQUESTS)
def test_request_table(data, request_):
    assert rdt.encode_request(request_) == data
    assert rdt.decode_request(data) == request_


@pytest.mark.parametrize(("data", "record"), RECORDS)
def test_record_table(data, record):
    assert rdt.encode_records([record]) == data
    assert decoded(data) == [record]
    assert rdt.peek(data, 0) == record[:3]


def test_buffered_packets_hold_the_oldest_record_first():
    both = RECORDS[0][0] + RECORDS[1][0]
    assert decoded(both) == [RECORDS[0][1], RECORDS[1][1]]


@pytest.mark.parametrize("length", [0, 1, 35, 37, 71, 41 * 36])
def test_wrong_lengths(length):
    with pytest.raises(ProtocolError, match="1 to 40 records"):
        decoded(bytes(length))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "8 bytes"),
        (bytes.fromhex("1234 0002 00000000 00"), "8 bytes"),
        (bytes.fromhex("4321 0002 00000000"), "header 0x1234"),
        (bytes.fromhex("1234 0004 00000000"), "unknown command 0x0004"),
    ],
)
def test_wrong_requests(data, expected):
    with pytest.raises(ProtocolError, match=expected):
        rdt.decode_request(data)


def test_what_does_not_fit():
    with pytest.raises(ProtocolError, match="sample_count"):
        rdt.encode_request(rdt.Request(rdt.Command.STOP, -1))
    with pytest.raises(ProtocolError, match="32 bits"):
        rdt.encode_records([RECORDS[0][1]._replace(fx=2**31)])


unsigned, signed = st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1)
records = st.builds(rdt.RdtRecord, *[unsigned] * 3, *[signed] * 6)


@given(st.lists(records, min_size=1, max_size=40))
def test_round_trip(some):
    assert decoded(rdt.encode_records(some)) == some


@given(st.binary(max_size=1600))
def test_arbitrary_bytes_raise_only_protocol_errors(data):
    for decode in (decoded, rdt.decode_request):
        try:
            decode(data)
        except ProtocolError:
            continue
        assert len(data) in (8, *range(36, 1441, 36))
