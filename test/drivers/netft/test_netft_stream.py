"""Packet decoding into new samples, with packets written by hand."""

import pytest

from der_ros.drivers.netft.rdt import RdtRecord, encode_records
from der_ros.drivers.netft.stream import RdtStream
from der_ros.errors import ProtocolError


def record(number, ft_sequence=None, status=0):
    ft = 14 * number if ft_sequence is None else ft_sequence
    return RdtRecord(number, ft, status, number, 0, 0, 0, 0, 0)


def packet(*numbers):
    return encode_records([record(number) for number in numbers])


def a_stream(every_record=False, product="NETB"):
    stream = RdtStream(every_record)
    stream.begin(product)
    return stream


def test_only_the_newest_is_news():
    stream = a_stream()
    for data in (packet(1), packet(3), packet(2)):
        stream.feed(data)
    assert stream.fresh() == [record(3)]
    assert stream.fresh() == []
    stream.feed(packet(2))
    assert stream.fresh() == []
    assert (stream.records, stream.sequence.reordered, stream.sequence.duplicates) == (4, 1, 1)


def test_records_in_turn_come_in_order():
    stream = a_stream(every_record=True)
    for data in (packet(1, 2), packet(4), packet(4), packet(3), packet(5)):
        stream.feed(data)
    assert [fresh.rdt_sequence for fresh in stream.fresh()] == [1, 2, 4, 5]


def test_a_buffered_packet_counts_each_record():
    stream = a_stream()
    stream.feed(packet(*range(1, 41)))
    stream.feed(packet(*range(51, 91)))
    assert stream.fresh() == [record(90)]
    assert (stream.records, stream.sequence.lost) == (80, 10)


def test_an_error_between_good_records_is_counted():
    stream = a_stream()
    stream.feed(encode_records([record(1), record(2, status=0x8002_0000), record(3)]))
    stream.feed(encode_records([record(4, status=0x8001_0000)]))
    assert stream.status_errors == 1


def test_the_status_is_read_by_product():
    stream = a_stream(product="Ethernet Axia")
    stream.feed(encode_records([record(1, status=0x0001_0000)]))
    assert stream.status_errors == 0


def test_ten_malformed_packets_in_a_row_are_too_many():
    stream = a_stream()
    for _ in range(9):
        stream.feed(b"x" * 35)
    stream.feed(packet(1))
    for _ in range(9):
        stream.feed(b"")
    with pytest.raises(ProtocolError, match="10 malformed packets in a row"):
        stream.feed(b"x" * 41 * 36)
    assert stream.malformed == 19


@pytest.mark.parametrize(
    ("before", "after", "restarts"),
    [(700, 1400, 0), (700_000, 14, 1), (2**32 - 5, 9, 0)],
)
def test_a_box_restart_is_seen_by_its_own_counter(before, after, restarts):
    stream = a_stream()
    stream.feed(encode_records([record(1, before)]))
    stream.begin("NETB")
    stream.feed(encode_records([record(1, after)]))
    assert stream.box_restarts == restarts
